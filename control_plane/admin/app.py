"""The admin API as one application: every operation is listed here, and nowhere else."""

from aiohttp import web

from control_plane.admin import (
    agreements,
    api_docs,
    audit_events,
    audit_export,
    audit_heads,
    audit_statistics,
    audit_verify,
    authorization,
    bundle_sources,
    bundles,
    checks,
    circuits,
    crls,
    declared,
    differences,
    discovery,
    event_stream,
    expiry,
    explain,
    gateways,
    grant_approval,
    grant_shadow,
    grants,
    groups,
    health,
    history,
    invocation,
    metrics,
    nodes,
    partner_health,
    peering,
    reconciliations,
    resources,
    revocations,
    rotation,
    status,
    steering,
    token_list,
    verification,
)
from control_plane.admin.answers import answer_errors
from control_plane.admin.dashboard import links
from control_plane.admin.dashboard.serve import Dashboard
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.dispatch import access_of, add_routes
from control_plane.admin.guard import guard, keeper_of
from control_plane.admin.openapi import openapi_route
from control_plane.admin.operation import Route

_ROUTES: tuple[Route, ...] = (
    *health.ROUTES,
    *status.ROUTES,
    *checks.ROUTES,
    *nodes.ROUTES,
    *discovery.ROUTES,
    *agreements.ROUTES,
    *revocations.ROUTES,
    *steering.ROUTES,
    *circuits.ROUTES,
    *bundles.ROUTES,
    *bundle_sources.ROUTES,
    *crls.ROUTES,
    *peering.ROUTES,
    *partner_health.ROUTES,
    *resources.ROUTES,
    *groups.ROUTES,
    *grants.ROUTES,
    *grant_approval.ROUTES,
    *grant_shadow.ROUTES,
    *authorization.ROUTES,
    *explain.ROUTES,
    *history.ROUTES,
    *differences.ROUTES,
    *declared.ROUTES,
    *gateways.ROUTES,
    *rotation.ROUTES,
    *expiry.ROUTES,
    *metrics.ROUTES,
    *audit_events.ROUTES,
    *audit_export.ROUTES,
    *audit_statistics.ROUTES,
    *audit_verify.ROUTES,
    *reconciliations.ROUTES,
    *audit_heads.ROUTES,
    *links.ROUTES,
    *token_list.ROUTES,
    *verification.ROUTES,
    *invocation.ROUTES,
    *event_stream.ROUTES,
)
ROUTES = (*_ROUTES, openapi_route(_ROUTES))


def create_app(deps: Dependencies) -> web.Application:
    """The application; serve it with ``serve_admin``, which sets the limits of its connections."""
    app = web.Application(middlewares=[answer_errors, guard(access_of(ROUTES), keeper_of(deps))])
    add_routes(app, ROUTES, deps)
    app.on_shutdown.append(deps.newsroom.close)
    Dashboard(deps, ROUTES).add_to(app)
    api_docs.add_to(app, ROUTES, version=deps.version)
    return app
