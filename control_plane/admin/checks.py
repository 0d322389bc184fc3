"""Checks of what is running, which change nothing that lasts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from control_plane.admin import check_own, check_partners
from control_plane.admin.check_codes import finding
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.ledger import note
from control_plane.admin.listing import every
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import value_of
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind
from control_plane.model.check import CheckFinding, CheckGroup, Level, group_of, report_of
from control_plane.model.gateway import Gateway
from control_plane.model.isolation import IsolationChecked
from control_plane.ports.errors import UnavailableError

CHECK = f"{API}/federation/check"
CHECK_DEADLINE = 20.0  # seconds
GROUPS: tuple[tuple[str, Callable[[Dependencies], Awaitable[list[CheckFinding]]]], ...] = (
    ("database", check_own.database),
    ("gateways", check_own.gateways),
    ("ads", check_own.configuration),
    ("certificates", check_own.certificates),
    ("time", check_own.time),
    ("dns", check_partners.dns),
    ("sources", check_own.sources),
    ("partners", check_partners.partners),
)
CHECK_TRUST = f"{API}/federation/check/trust"
DEADLINE = 90.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How everything is, in groups. ``verdict`` is ``ok``, ``warning`` or ``problem``."""

    verdict: Level
    summary: str
    organisation: str
    version: str
    at: datetime
    groups: tuple[CheckGroup, ...]


async def check_everything(call: Call) -> Checked:
    """Look at every part; one that cannot be looked at does not stop the others."""
    report = report_of([group_of(name, await _looked(call.deps, look)) for name, look in GROUPS])
    return Checked(
        verdict=report.verdict,
        summary=report.summary,
        organisation=call.deps.own,
        version=call.deps.version,
        at=call.deps.now(),
        groups=report.groups,
    )


async def _looked(
    deps: Dependencies, look: Callable[[Dependencies], Awaitable[list[CheckFinding]]]
) -> list[CheckFinding]:
    try:
        return await look(deps)
    except UnavailableError as error:
        return [finding("not known", Level.PROBLEM, "database_away", str(error))]


@route(
    Operation(
        "GET", CHECK, Nothing, Checked, "Whether everything works, and why not", deadline=CHECK_DEADLINE
    )
)
async def check(call: Call, _: Nothing) -> Reply:
    """Database, gateways, configuration, certificates, time, DNS, sources, and partners from both sides."""
    return Reply(await check_everything(call))


@route(
    Operation(
        "POST",
        CHECK_TRUST,
        Nothing,
        IsolationChecked,
        "Offer certificates that must not work to every connected gateway",
        role=Role.OPERATOR,
        deadline=DEADLINE,
        keyed=Keyed.APART,
    )
)
async def check_trust(call: Call, _: Nothing) -> Reply:
    """For a while there are two partners more, whose keys nobody has."""
    connected = {state.gateway for state in await call.deps.deliveries.all() if state.connected}
    if call.deps.isolation is None or not connected:
        raise ApiError("no_gateway", "expected at least one connected gateway to try, got none")
    stored = [found async for found in every(call.deps.objects, Kind.GATEWAY)]
    gateways = [value_of(found, Gateway) for found in stored if found.key in connected]
    await note(call, "trust.check", call.deps.own)
    return Reply(await call.deps.isolation.run(gateways))


ROUTES = (check, check_trust)
