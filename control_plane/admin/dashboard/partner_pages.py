"""Organisations: who they are to us and we to them, and what an order would cut."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from control_plane.admin import agreements, audit_statistics, crls, grants, nodes, peering, resources
from control_plane.admin.dashboard.page import Values, ask, ask_all, partners_of
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.operation import Call
from control_plane.admin.stored import value_of
from control_plane.admin.views import bundle_view
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.pki.certificate import load_certificate
from control_plane.pki.words import anchors_digest, fingerprint_words

CUTTING = ("pause", "revoke")
LATELY = timedelta(minutes=5)


async def organisations(call: Call, _: Mapping[str, str]) -> Values:
    """Every partner, and the ways to become one."""
    listed = await ask_all(call, agreements.list_agreements)
    invited = peering.InvitationQuery(limit=MAX_PAGE)
    invitations = await ask(call, peering.list_invitations, invited) if call.deps.peering else None
    return {
        "agreements": listed.items,
        "more": listed.next is not None,
        "partners": await partners_of(call),
        "invitations": invitations.items if invitations else None,
    }


async def organisation(call: Call, query: Mapping[str, str]) -> Values:
    """One partner: the agreement, what each side says, its nodes, what we grant it, what an order cuts."""
    name, verb = TrustDomain(query.get("name", "")), query.get("verb", "")
    found = await ask(call, agreements.show_agreement, organisation=name)
    wanted = OrganisationQuery(organisation=name, limit=MAX_PAGE)
    stored = await call.deps.objects.get(Kind.BUNDLE, name)
    bundle = bundle_view(value_of(stored, Bundle)) if stored else None
    partner = (await partners_of(call)).get(name)
    return {
        "agreement": found,
        "partner": partner,
        "node_count": await _count(call, name),
        "nodes": (await ask_all(call, nodes.list_nodes, wanted)).items,
        "resources": (await ask_all(call, resources.list_resources, wanted)).items,
        "grants": (await ask_all(call, grants.list_grants, wanted)).items,
        "bundle": bundle,
        "words": words(bundle.anchors) if bundle else "",
        "own_words": words(call.deps.anchors()),
        "lists": await ask(call, crls.show_crls, organisation=name) if stored else None,
        "verb": verb if verb in CUTTING else "",
        "lately": await _lately(call, name) if verb in CUTTING else None,
    }


async def _count(call: Call, name: TrustDomain) -> int:
    """How many nodes it has, from memory: an order cuts all of them, also those that no page names."""
    await call.deps.towns.catch_up(call.deps.objects, call.deps.overview.revision)
    return len(call.deps.towns.nodes(name, None, {}))


def words(anchors: Iterable[str]) -> str:
    """The fingerprint of these anchors in words, as both sides' operators read them."""
    loaded = [load_certificate(anchor) for anchor in anchors]
    return fingerprint_words(anchors_digest(loaded)) if loaded else ""


async def _lately(call: Call, name: TrustDomain) -> Any:  # noqa: ANN401 - an operation's answer
    """The requests to and from a partner in the last minutes, if it is among those with the most."""
    since = call.deps.now() - LATELY
    asked = audit_statistics.StatisticsQuery(since=since)
    found = await ask(call, audit_statistics.show_statistics, asked)
    return next((share for share in found.organisations if share.name == name), None)
