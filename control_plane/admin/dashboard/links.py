"""A link that signs a browser in, once."""

from dataclasses import dataclass
from urllib.parse import quote

from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Holder, Role

LINKS = f"{API}/dashboard/links"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Good once, for two minutes, with the role of whoever asked for it."""

    url: str

    def __repr__(self) -> str:
        return "Link(url=(redacted))"


@route(
    Operation(
        "POST",
        LINKS,
        Nothing,
        Link,
        "A link that signs a browser in, once",
        role=Role.OPERATOR,
        keyed=Keyed.SECRET,
    )
)
async def make_link(call: Call, _: Nothing) -> Reply:
    """For whoever asks, with that person's role."""
    if call.groups:
        raise ApiError("not_permitted", "expected a token for everything: the dashboard shows everything")
    if not call.deps.address:
        raise ApiError("dashboard_off", "expected the API to listen on a loopback address, got none")
    code = call.deps.sessions.code(Holder(call.actor, call.role))
    return Reply(Link(url=f"{call.deps.scheme}://{call.deps.address}/ui/login?code={quote(code)}"))


ROUTES = (make_link,)
