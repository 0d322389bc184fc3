"""Routes: what stops each, and a box that walks one way and marks where it stops."""

from collections.abc import Mapping

from control_plane.admin.authorization import Asking
from control_plane.admin.dashboard.page import Values, ask, ask_all
from control_plane.admin.explain import Explained, Explaining, explain, list_routes
from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError
from control_plane.model.explanation import Stage
from control_plane.model.identity import SpiffeId
from control_plane.model.problem import InvalidValueError

_REQUEST_ID = 36  # characters
_FIELDS = ("subject", "about", "caller", "action", "capability")


async def routes(call: Call, query: Mapping[str, str]) -> Values:
    """Every route, and the answer to the question in the box."""
    asked = {name: query.get(name, "").strip() for name in _FIELDS}
    values: Values = {"asked": asked, "way": None, "fault": "", "unwalked": ()}
    if asked["subject"]:
        try:
            way = await ask(call, explain, question(asked))
        except (InvalidValueError, ApiError) as error:
            values["fault"] = error.detail if isinstance(error, InvalidValueError) else error.refusal.detail
        else:
            values |= {"way": way, "unwalked": _behind(way)}
    found = await ask_all(call, list_routes)
    return values | {"routes": found.items, "more": found.next is not None}


def question(asked: Mapping[str, str]) -> Explaining:
    """What the box asks; ``about`` empty: a resource has an ``@``, a request its length; or a code."""
    subject = asked["subject"]
    about = asked["about"] or _guess(subject)
    caller = None
    if asked["caller"] and about == "route":
        caller = Asking(
            principal=SpiffeId(asked["caller"]),
            resource=subject,
            action=asked["action"] or "GET",
            capability=asked["capability"],
        )
    fields: Values = {about: subject} if about in {"route", "node", "request", "code"} else {}
    return Explaining(caller=caller, **fields)


def _guess(subject: str) -> str:
    if "@" in subject:
        return "route"
    return "request" if len(subject) == _REQUEST_ID else "code"


def _behind(way: Explained) -> tuple[Stage, ...]:
    """The stages that come after the one that stops, which nobody has looked at."""
    if way.works or not way.steps:
        return ()
    order = tuple(Stage)
    return order[order.index(way.steps[-1].stage) + 1 :]
