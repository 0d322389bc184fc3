"""Forms that carry out operations of the API, as the signed-in person and with that person's role."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from control_plane.admin.dashboard.forms import ROOT, html, read_form, see_other
from control_plane.admin.dashboard.render import render
from control_plane.admin.dashboard.sessions import Session, matches
from control_plane.admin.operation import API, JSON, Call, Route
from control_plane.admin.peering import INVITES
from control_plane.admin.problems import ApiError, field_errors
from control_plane.admin.tokens import Role

CallOf = Callable[[web.Request, Session, Mapping[str, str]], Call]
SHOWN = {  # what these answer is shown, and not again
    ("POST", INVITES): "invited.html",
    ("POST", f"{API}/federation/join"): "joined.html",
}


class Doing:
    """Carries out the operations of ``routes``; ``common`` are the values of every page."""

    def __init__(
        self, routes: Sequence[Route], call_of: CallOf, common: Callable[[Session, str], dict[str, Any]]
    ) -> None:
        operations = [each for each in routes if each.operation.media == JSON]
        self._doable = {(each.operation.method, each.operation.path): each for each in operations}
        self._call_of = call_of
        self._common = common

    async def do(self, request: web.Request, session: Session) -> web.StreamResponse:
        """One form: then back to where it was, or the page that shows what came of it."""
        form = await checked_form(request, session)
        back = form.pop("back", "")
        asked = (form.pop("method", ""), form.pop("path", ""))
        route = self._doable.get(asked)
        if route is None or route.operation.role is None:
            raise ApiError("not_found", "expected an operation of the API")
        check_role(session, route.operation.role)
        place = {name[1:]: form.pop(name) for name in list(form) if name.startswith(":")}
        given = read_input(route, form)
        call = self._call_of(request, session, place)
        try:
            async with asyncio.timeout(route.operation.deadline):
                reply = await route.run(call, given)
        except TimeoutError as error:
            late = f"expected an answer within {route.operation.deadline:g} s, got none: look what came of it"
            raise ApiError("outcome_unknown", late) from error
        if asked in SHOWN:
            return html(
                render(SHOWN[asked], self._common(session, "organisations") | {"answer": reply.value})
            )
        return see_other(ROOT + quote(back, safe="/?=&@.-_~%#").lstrip("/"))


async def checked_form(request: web.Request, session: Session) -> dict[str, str]:
    """The fields of a form that came from a page of this session. Raises ApiError ``cross_origin``."""
    form = await read_form(request)
    if not matches(session, form.pop("csrf", "")):
        raise ApiError("cross_origin", "expected a form of this dashboard: load the page again")
    return form


def check_role(session: Session, needed: Role) -> None:
    """Raise ApiError unless whoever is signed in may do this."""
    if not session.holder.role.covers(needed):
        raise ApiError("not_permitted", f"expected the role {needed}, got {session.holder.role}")


def read_input(route: Route, form: Mapping[str, str]) -> Any:  # noqa: ANN401 - each operation has its own
    """What a form says, as the operation takes it. Raises ApiError with the first fault."""
    try:
        return TypeAdapter(route.operation.takes).validate_python(dict(form))
    except ValidationError as error:
        first = field_errors(error)[0]
        raise ApiError(first.code, f"{first.path.removeprefix('/')}: {first.detail}") from error
