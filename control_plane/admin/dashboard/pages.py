"""Every page, in the order of the menu."""

from control_plane.admin.dashboard import (
    audit_page,
    check_page,
    fleet_pages,
    node_pages,
    offers_page,
    overview,
    partner_pages,
    routes_page,
    trust_page,
    working,
)
from control_plane.admin.dashboard.page import Page

PAGES = (
    Page("", "Overview", "overview.html", overview.overview),
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
    Page("check", "Check", "check.html", check_page.check),
)
