"""Agreements with partners, and the trust anchors that come with them."""

from dataclasses import dataclass, replace
from typing import ClassVar

from control_plane.admin.agreement_rules import Verb, after_verb, by_hand, check_anchored
from control_plane.admin.ledger import Deed, perform
from control_plane.admin.listing import Page, PageQuery, read_page, shaped
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, Route, route
from control_plane.admin.problems import ApiError
from control_plane.admin.revocations import occasion, revocation_view
from control_plane.admin.stored import check_revision, find, read_back, refuse_existing, value_of
from control_plane.admin.tokens import Role
from control_plane.admin.views import AgreementView, agreement_view
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.pki.bundle import check_anchors
from control_plane.ports.objects import Stored

AGREEMENTS = f"{API}/federation/agreements"
AGREEMENT = AGREEMENTS + "/{organisation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An agreement set by hand. ``bundle`` is the partner's CA certificates (PEM); absent, they stay."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    state: AgreementState = AgreementState.UNTRUSTED
    paused: bool = False
    reason: str = ""
    bundle: str | None = None

    def of(self, organisation: TrustDomain) -> Agreement:
        """The agreement with ``organisation`` on these terms."""
        return Agreement(organisation, self.state, self.paused, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgreement(Terms):
    """A first agreement with a partner."""

    organisation: TrustDomain


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, for whoever reads the agreement later."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    reason: str = ""


@route(Operation("GET", AGREEMENTS, PageQuery, Page[AgreementView], "Agreements, by organisation"))
async def list_agreements(call: Call, query: PageQuery) -> Reply:
    """One page."""
    page, following = await read_page(call.deps.objects, Kind.AGREEMENT, query)
    # Bundles come with agreements, so those of this page are among as many bundles after the same key.
    bundles = await call.deps.objects.page(Kind.BUNDLE, after=query.after, limit=len(page) or 1)
    anchors = {bundle.key: value_of(bundle, Bundle).anchors for bundle in bundles}
    views = await shaped(page, lambda stored: agreement_view(stored, anchors.get(stored.key, ())))
    return Reply(Page(views, following))


@route(Operation("GET", AGREEMENT, Nothing, AgreementView, "One agreement"))
async def show_agreement(call: Call, _: Nothing) -> Reply:
    """One agreement."""
    stored = await find(call, Kind.AGREEMENT, call.path["organisation"])
    bundle = await call.deps.objects.get(Kind.BUNDLE, stored.key)
    anchors = value_of(bundle, Bundle).anchors if bundle else ()
    view = agreement_view(stored, anchors)
    return Reply(replace(view, revocation=await revocation_view(call, stored)), stored.revision)


@route(
    Operation(
        "POST",
        AGREEMENTS,
        NewAgreement,
        AgreementView,
        "Begin an agreement with a partner",
        role=Role.OPERATOR,
        status=201,
    )
)
async def add_agreement(call: Call, terms: NewAgreement) -> Reply:
    """Begin one that does not exist."""
    _check_partner(call, terms.organisation)
    await refuse_existing(call, Kind.AGREEMENT, terms.organisation)
    return await _agree(call, None, terms.of(terms.organisation), action="create", pem=terms.bundle)


@route(Operation("PUT", AGREEMENT, Terms, AgreementView, "Set an agreement by hand", role=Role.OPERATOR))
async def set_agreement(call: Call, terms: Terms) -> Reply:
    """Replace it, or begin it."""
    organisation = TrustDomain(call.path["organisation"])
    _check_partner(call, organisation)
    stored = await call.deps.objects.get(Kind.AGREEMENT, organisation)
    check_revision(call, stored)
    before = value_of(stored, Agreement) if stored else None
    agreement = by_hand(before, terms.of(organisation), occasion(call))
    return await _agree(call, stored, agreement, action="set", pem=terms.bundle)


def _check_partner(call: Call, organisation: TrustDomain) -> None:
    if organisation == call.deps.own:
        raise ApiError(
            "own_organisation", f"expected a partner, got {organisation}: the own one is not imported"
        )


async def _agree(
    call: Call, before: Stored | None, agreement: Agreement, *, action: str, pem: str | None = None
) -> Reply:
    """Write agreement and bundle in one transaction: no gateway ever sees one without the other."""
    organisation = agreement.organisation
    stored = await call.deps.objects.get(Kind.BUNDLE, organisation)
    bundle = value_of(stored, Bundle) if stored else Bundle(organisation, ())
    deeds = [Deed(action, Kind.AGREEMENT, organisation, agreement, before)]
    if pem is not None:
        anchors = check_anchors(pem, organisation)
        if anchors != bundle.anchors:
            bundle = replace(bundle, anchors=anchors, sequence=bundle.sequence + 1)
            deeds.append(Deed("import", Kind.BUNDLE, organisation, bundle, stored))
    check_anchored(agreement, bundle)
    await perform(call, deeds)
    written = await read_back(call, Kind.AGREEMENT, organisation)
    location = f"{AGREEMENTS}/{organisation}" if before is None else ""
    return Reply(agreement_view(written, bundle.anchors), written.revision, location)


def _verb_route(verb: Verb, summary: str) -> Route:
    operation = Operation("POST", f"{AGREEMENT}/{verb}", Reason, AgreementView, summary, role=Role.OPERATOR)

    @route(operation)
    async def change(call: Call, given: Reason) -> Reply:
        before = await find(call, Kind.AGREEMENT, call.path["organisation"])
        agreement = after_verb(
            value_of(before, Agreement), verb, reason=given.reason, occasion=occasion(call)
        )
        return await _agree(call, before, agreement, action=verb)

    return change


ROUTES = (
    list_agreements,
    show_agreement,
    add_agreement,
    set_agreement,
    _verb_route(Verb.APPROVE, "Trust a partner"),
    _verb_route(Verb.PAUSE, "Stop a trusted partner's traffic for now"),
    _verb_route(Verb.RESUME, "Let a paused partner's traffic through again"),
    _verb_route(Verb.REVOKE, "Take the trust back"),
)
