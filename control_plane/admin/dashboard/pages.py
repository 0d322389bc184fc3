"""The pages, and the overview: the answers of the API's own operations, put together."""

from collections.abc import Mapping
from typing import Any

from control_plane.admin import agreements, audit_events, nodes, status
from control_plane.admin.dashboard import (
    audit_page,
    fleet_pages,
    node_pages,
    offers_page,
    partner_pages,
    routes_page,
    trust_page,
    working,
)
from control_plane.admin.dashboard.page import Page, Values, ask, ask_all, partners_of
from control_plane.admin.dashboard.topology import WORDS, Known, draw
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.operation import Call
from control_plane.model.agreement import AgreementState

RECENT = 15  # events on the overview


async def overview(call: Call, _: Mapping[str, str]) -> Values:
    """The verdict, the picture, what is wrong, and what happened last."""
    state = await ask(call, status.show_status)
    listed = (await ask_all(call, agreements.list_agreements)).items
    found = (await ask(call, nodes.list_nodes, OrganisationQuery(limit=MAX_PAGE))).items
    partners = await partners_of(call)
    known = {
        each.organisation: Known(each.organisation, _state(each, partners.get(each.organisation)), {})
        for each in listed
    }
    for node in found:
        unknown = Known(node.organisation, AgreementState.UNTRUSTED.value, {})
        town = known.setdefault(node.organisation, unknown)
        known[node.organisation] = Known(
            town.organisation, town.state, {**town.nodes, node.node_id: node.status}
        )
    events = await ask(call, audit_events.list_events, audit_events.AuditFilter(limit=RECENT))
    return {
        "status": state,
        "picture": draw(known.values()),
        "partners": partners,
        "known": sorted(known.values(), key=lambda each: each.organisation),
        "words": WORDS,
        "events": events.items,
    }


def _state(agreement: Any, partner: Any) -> str:  # noqa: ANN401 - views of the API
    if agreement.state is AgreementState.TRUSTED:
        if agreement.paused:
            return "paused"
        return "silent" if partner is not None and partner.stale else "open"
    return str(agreement.state.value)


PAGES = (
    Page("", "Overview", "overview.html", overview),
    Page("organisations", "Organisations", "organisations.html", partner_pages.organisations),
    Page("organisation", "", "organisation.html", partner_pages.organisation),
    Page("nodes", "Nodes", "nodes.html", node_pages.node_list),
    Page("node", "", "node.html", node_pages.node),
    Page("resources", "Resources and grants", "resources.html", offers_page.offers),
    Page("routes", "Routes", "routes.html", routes_page.routes),
    Page("trust", "Trust", "trust.html", trust_page.trust),
    Page("audit", "Audit", "audit.html", audit_page.audit),
    Page("request", "", "request.html", audit_page.request),
    Page("work", "", "work.html", working.shown),
    Page("reconciliation", "Reconciliation", "reconciliation.html", audit_page.reports),
    Page("gateways", "Gateways", "gateways.html", fleet_pages.fleet),
    Page("discovery", "Discovery", "discovery.html", fleet_pages.sources),
)
