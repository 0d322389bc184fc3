"""Organisations: who they are to us and we to them, and what an order would cut."""

from collections.abc import Mapping

from control_plane.admin import agreements, grants, nodes, resources
from control_plane.admin.dashboard.page import Values, ask, ask_all, partners_of
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.operation import Call
from control_plane.model.identity import TrustDomain


async def organisations(call: Call, _: Mapping[str, str]) -> Values:
    """Every partner."""
    listed = await ask_all(call, agreements.list_agreements)
    return {"agreements": listed.items, "partners": await partners_of(call)}


async def organisation(call: Call, query: Mapping[str, str]) -> Values:
    """One partner: the agreement, what each side says, its nodes, and what we grant it."""
    name = TrustDomain(query.get("name", ""))
    found = await ask(call, agreements.show_agreement, organisation=name)
    wanted = OrganisationQuery(organisation=name, limit=MAX_PAGE)
    granted = (await ask(call, grants.list_grants, wanted)).items
    return {
        "agreement": found,
        "partner": (await partners_of(call)).get(name),
        "nodes": (await ask(call, nodes.list_nodes, wanted)).items,
        "resources": (await ask(call, resources.list_resources, wanted)).items,
        "grants": granted,
        "verb": query.get("verb", ""),
    }
