"""Routes of an application of the test's own: deadlines, roles, and what cannot be served."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from control_plane.admin.answers import answer_errors
from control_plane.admin.dispatch import access_of, add_routes
from control_plane.admin.operation import Call, Nothing, Operation, Reply, Route, route
from control_plane.admin.serve import serve_admin
from control_plane.admin.tokens import Role
from tests.unit.admin.world import World


@asynccontextmanager
async def serving(*routes: Route) -> AsyncIterator[aiohttp.ClientSession]:
    """An application that has only these routes."""
    with tempfile.TemporaryDirectory(prefix="pxd") as name:
        app = web.Application(middlewares=[answer_errors])
        add_routes(app, routes, World(Path(name)).dependencies())
        socket = Path(name) / "run" / "s"
        async with (
            serve_admin(app, socket),
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        ):
            yield session


def never(method: str) -> Route:
    """A route whose handler does not answer."""

    @route(Operation(method, "/never", Nothing, None, "Never", deadline=0.01))
    async def wait(_: Call, __: Nothing) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    return wait


@pytest.mark.parametrize(("method", "code"), [("GET", "unavailable"), ("POST", "outcome_unknown")])
async def test_what_does_not_answer_in_time_is_told(method: str, code: str) -> None:
    async with (
        serving(never(method)) as session,
        session.request(method, "http://localhost/never") as answer,
    ):
        document = await answer.json()

    assert (answer.status, document["code"]) == (503, code)
    assert answer.headers["Retry-After"] == "2"


def test_operations_that_share_a_path_must_need_the_same_role() -> None:
    operations = [
        Operation("POST", "/x", Nothing, None, "One", role=role, media=f"application/{role}")
        for role in (Role.VIEWER, Role.ADMIN)
    ]

    async def run(_: Call, __: Nothing) -> Reply:
        return Reply()

    with pytest.raises(ValueError, match="one role"):
        access_of([Route(operation, run) for operation in operations])
