"""Resources and grants: what is offered, and who may use what is ours."""

from collections.abc import Mapping

from control_plane.admin import grants, resources
from control_plane.admin.dashboard.page import Values, ask
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.operation import Call


async def offers(call: Call, _: Mapping[str, str]) -> Values:
    """What is offered, and who may use what is ours."""
    offered = await ask(call, resources.list_resources, OrganisationQuery(limit=MAX_PAGE))
    granted = await ask(call, grants.list_grants, OrganisationQuery(limit=MAX_PAGE))
    return {"resources": offered.items, "grants": granted.items}
