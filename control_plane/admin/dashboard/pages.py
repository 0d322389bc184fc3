"""What each page shows: the answers of the API's own operations, put together.

A page asks nothing that its reader could not ask of the API: everything here needs the role viewer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from control_plane.admin import (
    agreements,
    audit_events,
    circuits,
    discovery,
    expiry,
    gateways,
    grants,
    nodes,
    peering,
    reconciliations,
    resources,
    rotation,
    status,
)
from control_plane.admin.dashboard.topology import WORDS, Known, draw
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery, PageQuery
from control_plane.admin.operation import Call, Nothing, Route
from control_plane.model.agreement import AgreementState
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError

RECENT = 15  # events on the overview
Values = dict[str, Any]
Gather = Callable[[Call, Mapping[str, str]], Awaitable[Values]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its path below the dashboard, its name in the menu (empty: not there), and what it shows."""

    path: str
    title: str
    template: str
    gather: Gather


async def _ask(call: Call, route: Route, given: object = None) -> Any:  # noqa: ANN401 - each operation has its own
    return (await route.run(call, Nothing() if given is None else given)).value


async def _all(call: Call, route: Route) -> Any:  # noqa: ANN401 - as above
    return await _ask(call, route, PageQuery(limit=MAX_PAGE))


async def _partners(call: Call) -> dict[str, Any]:
    """How partners see us, by name; empty where no peering endpoint is set."""
    if call.deps.peering is None:
        return {}
    return {view.organisation: view for view in await call.deps.peering.views.views()}


async def overview(call: Call, _: Mapping[str, str]) -> Values:
    """The verdict, the picture, what is wrong, and what happened last."""
    state = await _ask(call, status.show_status)
    listed = (await _all(call, agreements.list_agreements)).items
    found = (await _ask(call, nodes.list_nodes, OrganisationQuery(limit=MAX_PAGE))).items
    partners = await _partners(call)
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
    events = await _ask(call, audit_events.list_events, audit_events.AuditFilter(limit=RECENT))
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


async def organisations(call: Call, _: Mapping[str, str]) -> Values:
    """Every partner."""
    listed = await _all(call, agreements.list_agreements)
    return {"agreements": listed.items, "partners": await _partners(call)}


async def organisation(call: Call, query: Mapping[str, str]) -> Values:
    """One partner: the agreement, what each side says, its nodes, and what we grant it."""
    name = TrustDomain(query.get("name", ""))
    asked = Call(call.deps, call.actor, call.request_id, {"organisation": name})
    found = await _ask(asked, agreements.show_agreement)
    wanted = OrganisationQuery(organisation=name, limit=MAX_PAGE)
    granted = (await _ask(call, grants.list_grants, wanted)).items
    return {
        "agreement": found,
        "partner": (await _partners(call)).get(name),
        "nodes": (await _ask(call, nodes.list_nodes, wanted)).items,
        "resources": (await _ask(call, resources.list_resources, wanted)).items,
        "grants": granted,
        "verb": query.get("verb", ""),
    }


async def node_list(call: Call, _: Mapping[str, str]) -> Values:
    """Every node, as far as a page goes."""
    found = await _ask(call, nodes.list_nodes, OrganisationQuery(limit=MAX_PAGE))
    return {"nodes": found.items, "more": found.next is not None}


async def node(call: Call, query: Mapping[str, str]) -> Values:
    """One node, with its circuits."""
    asked = Call(call.deps, call.actor, call.request_id, {"key": query.get("key", "")})
    return {
        "node": await _ask(asked, nodes.show_node),
        "circuit": await _ask(asked, circuits.show_circuit) if call.deps.fitness else None,
    }


async def offers(call: Call, _: Mapping[str, str]) -> Values:
    """What is offered, and who may use what is ours."""
    offered = await _ask(call, resources.list_resources, OrganisationQuery(limit=MAX_PAGE))
    granted = await _ask(call, grants.list_grants, OrganisationQuery(limit=MAX_PAGE))
    return {"resources": offered.items, "grants": granted.items}


async def trust(call: Call, _: Mapping[str, str]) -> Values:
    """Everything with a date, and the change of our anchors."""
    return {
        "expiry": await _ask(call, expiry.list_expiry),
        "rotation": await _ask(call, rotation.show_rotation) if call.deps.rotations else None,
        "invitations": (await _ask(call, peering.list_invitations)).items if call.deps.peering else (),
    }


_FILTERS = ("correlation_id", "principal", "organisation", "resource", "decision", "node", "after")


async def audit(call: Call, query: Mapping[str, str]) -> Values:
    """Search, newest first."""
    given = {name: query[name].strip() for name in _FILTERS if query.get(name, "").strip()}
    try:
        found = await _ask(call, audit_events.list_events, audit_events.AuditFilter(**given, limit=50))  # type: ignore[arg-type]  # all of these are text
    except InvalidValueError as error:
        return {"filter": given, "events": (), "next": None, "fault": error.detail}
    return {"filter": given, "events": found.items, "next": found.next, "fault": ""}


async def reports(call: Call, _: Mapping[str, str]) -> Values:
    """Comparisons of the audit with partners'."""
    if call.deps.audits is None:
        return {"reports": None}
    return {
        "reports": (
            await _ask(call, reconciliations.list_reconciliations, reconciliations.ReportQuery())
        ).items
    }


async def fleet(call: Call, _: Mapping[str, str]) -> Values:
    """Our gateways and their deliveries."""
    state = await _ask(call, status.show_status)
    return {"gateways": (await _all(call, gateways.list_gateways)).items, "deliveries": state.gateways}


async def sources(call: Call, _: Mapping[str, str]) -> Values:
    """How discovery fares."""
    return {"discovery": await _ask(call, discovery.list_sources) if call.deps.discovery else None}


PAGES = (
    Page("", "Overview", "overview.html", overview),
    Page("organisations", "Organisations", "organisations.html", organisations),
    Page("organisation", "", "organisation.html", organisation),
    Page("nodes", "Nodes", "nodes.html", node_list),
    Page("node", "", "node.html", node),
    Page("resources", "Resources and grants", "resources.html", offers),
    Page("trust", "Trust", "trust.html", trust),
    Page("audit", "Audit", "audit.html", audit),
    Page("reconciliation", "Reconciliation", "reconciliation.html", reports),
    Page("gateways", "Gateways", "gateways.html", fleet),
    Page("discovery", "Discovery", "discovery.html", sources),
)
