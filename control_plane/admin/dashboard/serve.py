"""The dashboard over HTTP: signing in, pages, forms, and the files that pages are made of.

A page may load nothing but our own files, runs no script of its own text, and cannot be framed. Whoever is
not signed in sees the form to sign in, whatever was asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from aiohttp import web

from control_plane.admin.answers import REQUEST_ID, refusal_of
from control_plane.admin.codes import code_of
from control_plane.admin.dashboard import api_page
from control_plane.admin.dashboard.doing import Doing, checked_form
from control_plane.admin.dashboard.forms import ROOT, html, read_form, see_other
from control_plane.admin.dashboard.news import News
from control_plane.admin.dashboard.page import Page
from control_plane.admin.dashboard.pages import PAGES
from control_plane.admin.dashboard.render import render
from control_plane.admin.dashboard.sessions import Session, Sessions
from control_plane.admin.dashboard.working import Working
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.dispatch import via
from control_plane.admin.guard import keeper_of
from control_plane.admin.operation import Call, Route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Holder, TokenFileError
from control_plane.observe import origin

COOKIE = "proxenia"
PATIENCE = 30.0  # seconds that a page may take
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Dashboard:
    """Pages over ``routes``; ``Dependencies.sessions`` knows who is signed in."""

    def __init__(self, deps: Dependencies, routes: Sequence[Route]) -> None:
        self._deps = deps
        self._keeper = keeper_of(deps)
        self._pages = (*PAGES, api_page.page(routes))
        self._doing = Doing(routes, self._call, self._common)
        self._working = Working(deps.works, self._call)
        self._news = News(deps)

    def add_to(self, app: web.Application) -> None:
        """Serve everything below ``ROOT``."""
        for place in ("/", ROOT.rstrip("/")):
            app.router.add_get(place, _to_overview)
        for page in self._pages:
            app.router.add_get(ROOT + page.path, self._signed_in(self._shower(page)))
        app.on_shutdown.append(self._news.close)
        follow = self._signed_in(
            lambda request, _: self._news.follow(request, lambda: bool(self._session(request)))
        )
        app.router.add_get(f"{ROOT}events", follow)
        app.router.add_post(f"{ROOT}do", self._signed_in(self._doing.do))
        app.on_cleanup.append(self._deps.works.close)
        app.router.add_post(f"{ROOT}work", self._signed_in(self._working.start))
        app.router.add_get(f"{ROOT}work-file", self._signed_in(self._working.file))
        app.router.add_post(f"{ROOT}logout", self._signed_in(self._logout))
        app.router.add_get(f"{ROOT}login", self._login)
        app.router.add_post(f"{ROOT}login", self._login_with_token)
        app.router.add_get(f"{ROOT}static/{{name}}", _static)

    def _signed_in(self, then: Callable[[web.Request, Session], Awaitable[web.StreamResponse]]) -> Handler:
        async def check(request: web.Request) -> web.StreamResponse:
            session = self._session(request)
            if session is None:
                return html(render("login.html", {"fault": "", "own": self._deps.own}), status=401)
            try:
                return await then(request, session)
            except Exception as error:
                refusal = refusal_of(error)
                if refusal.code == "internal_error":
                    raise
                values = self._common(session, "refused") | {"refusal": refusal}
                return html(render("refused.html", values), status=refusal.status)

        return check

    def _session(self, request: web.Request) -> Session | None:
        """The session of a browser: a token that was revoked, or ended, ends those that began with it."""
        session = self._sessions.find(request.cookies.get(COOKIE, ""))
        return session if session and self._deps.tokens.admits(session.holder.name) else None

    @property
    def _sessions(self) -> Sessions:
        return self._deps.sessions

    def _common(self, session: Session, path: str) -> dict[str, Any]:
        return {
            "own": self._deps.own,
            "version": self._deps.version,
            "pages": [page for page in self._pages if page.title],
            "path": path,
            "holder": session.holder,
            "csrf": session.csrf,
            "now": self._deps.now(),
            "seen": self._news.state,
        }

    def _shower(self, page: Page) -> Callable[[web.Request, Session], Awaitable[web.StreamResponse]]:
        async def show(request: web.Request, session: Session) -> web.StreamResponse:
            common = self._common(session, page.path)  # before: what comes while it is gathered is news to it
            try:
                async with asyncio.timeout(PATIENCE):
                    values = await page.gather(self._call(request, session, {}), request.query)
            except TimeoutError as error:
                late = f"expected to know this within {PATIENCE:g} s"
                raise ApiError("unavailable", late) from error
            return html(render(page.template, common | values))

        return show

    def _call(self, request: web.Request, session: Session, path: Mapping[str, str]) -> Call:
        holder = session.holder
        call = Call(self._deps, holder.name, request[REQUEST_ID], path, role=holder.role, via=via(request))
        origin.begin(call.via, call.request_id)
        return call

    async def _login(self, request: web.Request) -> web.StreamResponse:
        code = request.query.get("code", "")
        identifier = self._sessions.redeem(code) if code else None
        if identifier is None:
            fault = "that link was used already, or is older than two minutes" if code else ""
            return html(render("login.html", {"fault": fault, "own": self._deps.own}), status=401)
        return _with_cookie(request, see_other(ROOT), identifier)

    async def _login_with_token(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        try:
            holder = self._deps.tokens.find(form.get("token", "").strip())
        except TokenFileError:
            holder = None
        if holder is None or holder.groups:  # what is for some operations is for programs
            error = ApiError("not_authenticated", "that token is not known here")
            refusal = (await self._keeper.failed(request, error)).refusal
            values, status = {"fault": refusal.detail, "own": self._deps.own}, code_of(refusal.code).status
            return html(render("login.html", values), status=status, more=refusal.headers)
        identifier = self._sessions.begin(Holder(f"token:{holder.name}", holder.role))
        return _with_cookie(request, see_other(ROOT), identifier)

    async def _logout(self, request: web.Request, session: Session) -> web.StreamResponse:
        await checked_form(request, session)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = see_other(f"{ROOT}login")
        answer.del_cookie(COOKIE, path=ROOT)
        return answer


async def _to_overview(_: web.Request) -> web.StreamResponse:
    return see_other(ROOT)


def _with_cookie(request: web.Request, answer: web.Response, identifier: str) -> web.Response:
    answer.set_cookie(COOKIE, identifier, path=ROOT, httponly=True, samesite="Strict", secure=request.secure)
    return answer


async def _static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    stem, _, kind = name.rpartition(".")
    if not stem.isidentifier() or kind not in _TYPES:
        raise ApiError("not_found", "there is no such file")
    file = files("control_plane.admin.dashboard") / "static" / name
    if not file.is_file():
        raise ApiError("not_found", "there is no such file")
    return web.Response(body=file.read_bytes(), content_type=_TYPES[kind], charset="utf-8")
