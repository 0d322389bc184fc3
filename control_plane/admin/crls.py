"""A partner's revocation lists, and what is done when one of them is missing or old."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from control_plane.admin.agreement_rules import with_cut
from control_plane.admin.ledger import Deed, perform
from control_plane.admin.operation import API, MAX_BODY, Call, Nothing, Operation, Reply, route
from control_plane.admin.revocations import occasion
from control_plane.admin.stored import find, read_back, value_of
from control_plane.admin.tokens import Role
from control_plane.model.agreement import Agreement
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.crl import MAX_GRACE, CrlMode, CrlPolicy
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.pki.crl import MAX_CRL_TEXT
from control_plane.pki.in_force import in_force
from control_plane.pki.lists import CrlInfo, check_lists, describe_lists, revoked_serials
from control_plane.ports.objects import Stored

CRLS = f"{API}/federation/bundles/{{organisation}}/crls"
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLists:
    """All lists of a partner (PEM), in the place of those before; absent, they stay as they are.

    ``mode``: what a missing or old list means. ``grace`` (seconds): for how long an old one still counts, if
    the mode is soft.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    crls: str | None = None
    mode: CrlMode = CrlMode.HARD
    grace: float = DAY

    @property
    def policy(self) -> CrlPolicy:
        """As the bundle has it; InvalidValueError ``bad_grace``."""
        if not 0 <= self.grace <= MAX_GRACE.total_seconds():
            raise InvalidValueError(
                "bad_grace", f"expected a grace of 0 to {MAX_GRACE.days} days, got {self.grace:g} s"
            )
        return CrlPolicy(self.mode, timedelta(seconds=self.grace))


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlsView:
    """A partner's lists; ``problems`` say which of them are missing, late or not given to Envoy now."""

    organisation: str
    mode: CrlMode
    grace: float
    lists: tuple[CrlInfo, ...]
    crls: tuple[str, ...]
    problems: tuple[Problem, ...]


@route(Operation("GET", CRLS, Nothing, CrlsView, "A partner's revocation lists"))
async def show_crls(call: Call, _: Nothing) -> Reply:
    """The lists, and what is wrong with them now."""
    return _shown(call, await find(call, Kind.BUNDLE, call.path["organisation"]))


@route(
    Operation(
        "PUT",
        CRLS,
        NewLists,
        CrlsView,
        "Set a partner's revocation lists",
        role=Role.OPERATOR,
        largest=MAX_CRL_TEXT + MAX_BODY,
    )
)
async def set_crls(call: Call, given: NewLists) -> Reply:
    """Replace the lists, or what is done when one is old; connections end when more is revoked."""
    stored = await find(call, Kind.BUNDLE, call.path["organisation"])
    before, policy = value_of(stored, Bundle), given.policy
    pem = "".join(before.crls) if given.crls is None else given.crls
    lists: tuple[str, ...] = ()
    if pem or given.crls is not None:
        lists = await asyncio.to_thread(check_lists, pem, before, policy)
    after = replace(before, crls=lists, crl_policy=policy)
    cut: list[Deed] = []
    if revoked_serials(after.crls) - revoked_serials(before.crls):
        after = replace(after, crl_epoch=before.crl_epoch + 1)
        cut = await _cut(call, stored.key)
    await perform(call, [Deed("set-crls", Kind.BUNDLE, stored.key, after, stored), *cut])
    return _shown(call, await read_back(call, Kind.BUNDLE, stored.key))


@route(
    Operation(
        "DELETE", CRLS, Nothing, None, "Forget a partner's revocation lists", role=Role.OPERATOR, status=204
    )
)
async def remove_crls(call: Call, _: Nothing) -> Reply:
    """Rely on short lifetimes again: nothing is looked up in lists."""
    stored = await find(call, Kind.BUNDLE, call.path["organisation"])
    after = replace(value_of(stored, Bundle), crls=(), crl_policy=CrlPolicy())
    await perform(call, [Deed("remove-crls", Kind.BUNDLE, stored.key, after, stored)])
    return Reply()


async def _cut(call: Call, organisation: str) -> list[Deed]:
    """Lists are looked at when a connection begins: those that are open end, and begin again."""
    held = await call.deps.objects.get(Kind.AGREEMENT, organisation)
    if held is None:
        return []
    after = with_cut(value_of(held, Agreement), "revocation lists", occasion(call))
    return [Deed("cut", Kind.AGREEMENT, organisation, after, held)]


def _shown(call: Call, stored: Stored) -> Reply:
    bundle = value_of(stored, Bundle)
    view = CrlsView(
        organisation=bundle.organisation,
        mode=bundle.crl_policy.mode,
        grace=bundle.crl_policy.grace.total_seconds(),
        lists=describe_lists(bundle),
        crls=bundle.crls,
        problems=in_force(bundle, call.deps.now()).problems,
    )
    return Reply(view, stored.revision)


ROUTES = (show_crls, set_crls, remove_crls)
