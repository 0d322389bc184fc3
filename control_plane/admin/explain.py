"""Why something does not work: a route, a node, a request, or a code."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from control_plane.admin.authorization import Asking, judging
from control_plane.admin.check_codes import documented
from control_plane.admin.explain_facts import gathered
from control_plane.admin.listing import Page, PageQuery, read_page, shaped
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import value_of
from control_plane.model.change import Kind
from control_plane.model.explanation import Explanation, Live, Question, Step
from control_plane.model.node import check_text
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.resource import Resource, ResourceKind
from control_plane.plan.explain.words import meaning
from control_plane.ports.audit import AuditQuery
from control_plane.ports.objects import Stored

ROUTE_LIST = f"{API}/federation/routes"
EXPLAIN = f"{ROUTE_LIST}/explain"
MAX_ROWS = 50
MAX_ROUTES = 250  # on a page: each is explained
MAX_CLUSTERS = 64  # that a caller may tell of

_SUBJECTS = ("route", "node", "request", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explaining:
    """Exactly one of ``route``, ``node`` (``name@organisation``), ``request`` (a correlation id), ``code``.

    ``caller`` says who calls a resource of ours, and how; ``live`` is what a running gateway says of itself.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    route: str = ""
    node: str = ""
    request: str = ""
    code: str = ""
    caller: Asking | None = None
    live: Live | None = None

    def __post_init__(self) -> None:
        given = [name for name in _SUBJECTS if getattr(self, name)]
        if len(given) != 1:
            raise InvalidValueError("bad_parameter", f"expected exactly one of {', '.join(_SUBJECTS)}")
        for name in given:
            check_text(f"a {name}", getattr(self, name))
        if self.live and len(self.live.clusters) > MAX_CLUSTERS:
            raise InvalidValueError("bad_parameter", f"expected at most {MAX_CLUSTERS} clusters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The way as far as it was walked, and the first thing that stops it: ``works`` when nothing does."""

    subject: str
    works: bool
    code: str
    detail: str
    hint: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """A resource as traffic takes it: ``code`` and ``detail`` say what stops it, empty when nothing does.

    ``direction`` is ``egress`` as our own applications call it, ``ingress`` as partners call what is ours. A
    resource of ours is two items, one each way, and one of the page's ``limit``.
    """

    id: str
    direction: str
    kind: ResourceKind
    host: str
    works: bool
    code: str
    detail: str


@route(Operation("GET", ROUTE_LIST, PageQuery, Page[RouteView], "Routes, and what stops each"))
async def list_routes(call: Call, query: PageQuery) -> Reply:
    """One page: partners' as our applications take them, ours as they do and as partners do."""
    page, following = await read_page(call.deps.objects, Kind.RESOURCE, query, most=MAX_ROUTES)
    facts = await gathered(call, "")
    own, judge = call.deps.own, judging(call)

    def views(stored: Stored) -> list[RouteView]:
        resource = value_of(stored, Resource)
        outward = _view(resource, judge.explain(Question(route=resource.key), facts).cause, outward=True)
        return [_view(resource, None, outward=False), outward] if resource.organisation == own else [outward]

    return Reply(Page(tuple(one for each in await shaped(page, views) for one in each), following))


def _view(resource: Resource, cause: Problem | None, *, outward: bool) -> RouteView:
    return RouteView(
        id=resource.key,
        direction="egress" if outward else "ingress",
        kind=resource.kind,
        host=resource.host,
        works=cause is None,
        code=cause.code if cause else "",
        detail=cause.detail if cause else "",
    )


@route(Operation("POST", EXPLAIN, Explaining, Explained, "What stops a route, a node or a request"))
async def explain(call: Call, asked: Explaining) -> Reply:
    """The first thing, and what would change it."""
    if asked.code:
        found = meaning(asked.code) or documented(asked.code)
        if found is None:
            raise ApiError("not_found", f"expected a code of a denial or a failure, got {asked.code[:80]}")
        return Reply(_explained(Explanation(found.subject, (), found)))
    rows = []
    if asked.request:
        rows = await call.deps.audit.query(AuditQuery(correlation_id=asked.request, limit=MAX_ROWS))
    resource = asked.route or next((row.resource for row in rows if row.resource), "")
    facts = await gathered(call, resource, live=asked.live, lately=timedelta(minutes=10))
    question = Question(
        route=asked.route,
        node=asked.node,
        rows=tuple(rows),
        asked=asked.caller.asked() if asked.caller else None,
    )
    return Reply(_explained(judging(call).explain(question, facts)))


def _explained(found: Explanation) -> Explained:
    cause = found.cause
    return Explained(
        subject=found.subject,
        works=cause is None,
        code=cause.code if cause else "",
        detail=cause.detail if cause else "",
        hint=cause.hint if cause else "",
        steps=found.steps,
    )


ROUTES = (list_routes, explain)
