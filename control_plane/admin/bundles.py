"""Trust anchors: partners', and our own for them to import."""

from control_plane.admin.listing import Page, PageQuery, read_page, shaped
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.stored import value_of
from control_plane.admin.views import BundleView, bundle_view
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind

BUNDLES = f"{API}/federation/bundles"
MOST = 100  # on a page: each certificate is read


@route(Operation("GET", BUNDLES, PageQuery, Page[BundleView], "Trust anchors: our own first, then partners'"))
async def list_bundles(call: Call, query: PageQuery) -> Reply:
    """One page; our own anchors are on the first."""
    page, following = await read_page(call.deps.objects, Kind.BUNDLE, query, most=MOST)
    own = Bundle(call.deps.own, call.deps.anchors())
    first = [] if query.after else [bundle_view(own, own=True)]
    others = await shaped(page, lambda stored: bundle_view(value_of(stored, Bundle)))
    return Reply(Page((*first, *others), following))


ROUTES = (list_bundles,)
