"""The dashboard over HTTP: signing in, pages, forms, and the files that pages are made of.

A page may load nothing but our own files, runs no script of its own text, and cannot be framed. Whoever is
not signed in sees the form to sign in, whatever was asked for.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from control_plane.admin.answers import REQUEST_ID, refusal_of
from control_plane.admin.dashboard.news import News
from control_plane.admin.dashboard.page import Page
from control_plane.admin.dashboard.pages import PAGES
from control_plane.admin.dashboard.render import render
from control_plane.admin.dashboard.sessions import Session, Sessions, matches
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.dispatch import via
from control_plane.admin.operation import JSON, Call, Route
from control_plane.admin.problems import ApiError, field_errors
from control_plane.admin.tokens import Holder, TokenFileError

ROOT = "/ui/"
COOKIE = "proxenia"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
MAX_FORM = 64 << 10

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Dashboard:
    """Pages over ``routes``; ``Dependencies.sessions`` knows who is signed in."""

    def __init__(self, deps: Dependencies, routes: Sequence[Route]) -> None:
        self._deps = deps
        operations = [each for each in routes if each.operation.media == JSON]
        self._doable = {(each.operation.method, each.operation.path): each for each in operations}

    def add_to(self, app: web.Application) -> None:
        """Serve everything below ``ROOT``."""
        for place in ("/", ROOT.rstrip("/")):
            app.router.add_get(place, _to_overview)
        for page in PAGES:
            app.router.add_get(ROOT + page.path, self._signed_in(self._shower(page)))
        news = News(self._deps)
        app.router.add_get(f"{ROOT}events", self._signed_in(lambda request, _: news.follow(request)))
        app.router.add_post(f"{ROOT}do", self._signed_in(self._do))
        app.router.add_post(f"{ROOT}logout", self._signed_in(self._logout))
        app.router.add_get(f"{ROOT}login", self._login)
        app.router.add_post(f"{ROOT}login", self._login_with_token)
        app.router.add_get(f"{ROOT}static/{{name}}", _static)

    def _signed_in(self, then: Callable[[web.Request, Session], Awaitable[web.StreamResponse]]) -> Handler:
        async def check(request: web.Request) -> web.StreamResponse:
            session = self._sessions.find(request.cookies.get(COOKIE, ""))
            if session is None:
                return _html(render("login.html", {"fault": "", "own": self._deps.own}), status=401)
            try:
                return await then(request, session)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal.code == "internal_error":
                    raise
                values = self._common(session, "") | {"refusal": refusal}
                return _html(render("refused.html", values), status=refusal.status)

        return check

    @property
    def _sessions(self) -> Sessions:
        return self._deps.sessions

    def _common(self, session: Session, path: str) -> dict[str, Any]:
        return {
            "own": self._deps.own,
            "version": self._deps.version,
            "pages": [page for page in PAGES if page.title],
            "path": path,
            "holder": session.holder,
            "csrf": session.csrf,
            "now": self._deps.now(),
        }

    def _shower(self, page: Page) -> Callable[[web.Request, Session], Awaitable[web.StreamResponse]]:
        async def show(request: web.Request, session: Session) -> web.StreamResponse:
            values = await page.gather(self._call(request, session, {}), request.query)
            return _html(render(page.template, self._common(session, page.path) | values))

        return show

    def _call(self, request: web.Request, session: Session, path: Mapping[str, str]) -> Call:
        holder = session.holder
        return Call(self._deps, holder.name, request[REQUEST_ID], path, role=holder.role, via=via(request))

    async def _do(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Carry out an operation of the API as the signed-in person, with that person's role."""
        form = await _form(request)
        if not matches(session, form.pop("csrf", "")):
            raise ApiError("cross_origin", "expected a form of this dashboard: load the page again")
        back = form.pop("back", "")
        route = self._doable.get((form.pop("method", ""), form.pop("path", "")))
        if route is None or route.operation.role is None:
            raise ApiError("not_found", "expected an operation of the API")
        if not session.holder.role.covers(route.operation.role):
            raise ApiError(
                "not_permitted", f"expected the role {route.operation.role}, got {session.holder.role}"
            )
        place = {name[1:]: form.pop(name) for name in list(form) if name.startswith(":")}
        try:
            given = TypeAdapter(route.operation.takes).validate_python(form)
        except ValidationError as error:
            first = field_errors(error)[0]
            raise ApiError(first.code, f"{first.path.removeprefix('/')}: {first.detail}") from error
        await route.run(self._call(request, session, place), given)
        return _see(ROOT + quote(back, safe="/?=&@.-_~%").lstrip("/"))

    async def _login(self, request: web.Request) -> web.StreamResponse:
        code = request.query.get("code", "")
        identifier = self._sessions.redeem(code) if code else None
        if identifier is None:
            fault = "that link was used already, or is older than two minutes" if code else ""
            return _html(render("login.html", {"fault": fault, "own": self._deps.own}), status=401)
        return _with_cookie(_see(ROOT), identifier)

    async def _login_with_token(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)
        try:
            holder = self._deps.tokens.find(form.get("token", "").strip())
        except TokenFileError:
            holder = None
        if holder is None:
            values = {"fault": "that token is not known here", "own": self._deps.own}
            return _html(render("login.html", values), status=401)
        return _with_cookie(_see(ROOT), self._sessions.begin(Holder(f"token:{holder.name}", holder.role)))

    async def _logout(self, request: web.Request, session: Session) -> web.StreamResponse:
        if not matches(session, (await _form(request)).get("csrf", "")):
            raise ApiError("cross_origin", "expected a form of this dashboard: load the page again")
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = _see(f"{ROOT}login")
        answer.del_cookie(COOKIE, path=ROOT)
        return answer


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form, each once."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise ApiError("bad_content_type", "expected a form")
    if (request.content_length or 0) > MAX_FORM:
        raise ApiError("body_too_large", f"expected at most {MAX_FORM} bytes")
    fields = await request.post()
    if len(set(fields)) != len(fields):
        raise ApiError("bad_request", "expected each field of a form once")
    return {name: value for name, value in fields.items() if isinstance(value, str)}


async def _to_overview(_: web.Request) -> web.StreamResponse:
    return _see(ROOT)


def _see(place: str) -> web.Response:
    """After a form, another page: a reload repeats nothing."""
    return web.Response(status=303, headers={"Location": place})


def _with_cookie(answer: web.Response, identifier: str) -> web.Response:
    answer.set_cookie(COOKIE, identifier, path=ROOT, httponly=True, samesite="Strict")
    return answer


def _html(text: str, *, status: int = 200) -> web.Response:
    # Not "no-referrer": with it browsers send no origin with forms either, and those would be refused.
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    stem, _, kind = name.rpartition(".")
    if not stem.isidentifier() or kind not in _TYPES:
        raise ApiError("not_found", "there is no such file")
    file = files("control_plane.admin.dashboard") / "static" / name
    if not file.is_file():
        raise ApiError("not_found", "there is no such file")
    return web.Response(body=file.read_bytes(), content_type=_TYPES[kind], charset="utf-8")
