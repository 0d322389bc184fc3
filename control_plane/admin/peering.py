"""Becoming partners: invitations, joins, and how partners see us."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.admin.bundle_sources import parts_of
from control_plane.admin.listing import (
    PAGE,
    OrganisationQuery,
    Page,
    PageQuery,
    cut,
    moment_key,
    read_moment_key,
)
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import Invitation, Joined, OpenInvitation, PartnerView

INVITES = f"{API}/federation/invites"
PARTNERS = f"{API}/federation/partners"
DAY = 86_400.0
JOIN_DEADLINE = 30.0  # seconds: the partner's control plane is asked twice
MAX_TOKEN = 64 * 1024  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """Whom to invite, and for how long the token can be used (seconds)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    lifetime: float = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedToken:
    """The token that a partner's operator gave to ours."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationQuery(OrganisationQuery):
    """Which part of the invitations; ``after`` is a page's ``next``."""

    def __post_init__(self) -> None:
        OrganisationQuery.__post_init__(self)
        read_moment_key(self.after)


@route(
    Operation(
        "POST",
        INVITES,
        NewInvitation,
        Invitation,
        "Invite an organisation",
        Role.OPERATOR,
        status=201,
        keyed=Keyed.SECRET,
    )
)
async def invite(call: Call, wanted: NewInvitation) -> Reply:
    """Make a token, which is shown this once, and the words of our fingerprint."""
    made = await parts_of(call).inviting.invite(
        wanted.organisation, now=call.deps.now(), lifetime=wanted.lifetime, actor=call.actor
    )
    return Reply(made)


@route(Operation("GET", INVITES, InvitationQuery, Page[OpenInvitation], "Invitations that can still be used"))
async def list_invitations(call: Call, query: InvitationQuery) -> Reply:
    """One page without their tokens, the first to expire first."""
    limit = min(query.limit, PAGE)
    found = await parts_of(call).inviting.listed(
        organisation=query.organisation or "", after=read_moment_key(query.after), limit=limit + 1
    )
    page, following = cut(found, limit, lambda one: moment_key(one.expires_at, one.id))
    return Reply(Page(tuple(page), following))


@route(
    Operation("DELETE", INVITES + "/{id}", Nothing, None, "Withdraw an invitation", Role.OPERATOR, status=204)
)
async def withdraw_invitation(call: Call, _: Nothing) -> Reply:
    """Make its token useless."""
    await parts_of(call).inviting.withdraw(call.path["id"], actor=call.actor)
    return Reply()


@route(
    Operation(
        "POST",
        f"{API}/federation/join",
        UsedToken,
        Joined,
        "Use a partner's token",
        Role.OPERATOR,
        deadline=JOIN_DEADLINE,
        keyed=Keyed.APART,
    )
)
async def join(call: Call, used: UsedToken) -> Reply:
    """Prove who we are to the inviter, and keep what it says of itself until an operator approves."""
    if len(used.token) > MAX_TOKEN:
        raise ApiError("bad_token", f"expected a token of at most {MAX_TOKEN} characters")
    return Reply(await parts_of(call).joining.join(used.token.strip(), actor=call.actor))


@route(Operation("GET", PARTNERS, PageQuery, Page[PartnerView], "How partners and we see each other"))
async def list_partners(call: Call, query: PageQuery) -> Reply:
    """One page, by organisation: what each said of us in its last heartbeat."""
    limit = min(query.limit, PAGE)
    found = await parts_of(call).views.views(after=query.after, limit=limit + 1)
    page, following = cut(found, limit, lambda view: view.organisation)
    return Reply(Page(tuple(page), following))


ROUTES = (
    invite,
    list_invitations,
    withdraw_invitation,
    join,
    list_partners,
)
