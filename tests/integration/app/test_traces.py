"""Requests of the admin API become spans, which a real collector gets without path, query and token."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from control_plane.admin.answers import answer_errors
from control_plane.admin.problems import ApiError
from control_plane.admin.serve import serve_admin
from control_plane.app.settings import Settings, SettingsError, load
from control_plane.app.traces import trace

pytestmark = pytest.mark.integration

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[list[Any], str]]:
    """A collector of OTLP over HTTP: the spans that it got, with their resources' attributes; its URL."""
    spans: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        for each in (await request.json())["resourceSpans"]:
            spans.extend((each["resource"], span) for scope in each["scopeSpans"] for span in scope["spans"])
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield spans, f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    finally:
        await runner.cleanup()


async def node(request: web.Request) -> web.Response:
    if request.match_info["id"] == "gone":
        raise ApiError("not_found", "there is no such node")
    return web.json_response({})


async def asked(directory: Path, settings: Settings, *, path: str, headers: dict[str, str]) -> int:
    """The status of one request; when this returns, the API has ended."""
    app = web.Application(middlewares=[answer_errors])
    app.router.add_get("/nodes/{id}", node)
    trace(app, settings)
    async with (
        serve_admin(app, directory / "admin.sock"),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(directory / "admin.sock"))) as session,
        session.get(f"http://localhost{path}", headers=headers) as answer,
    ):
        return answer.status


def settings(**more: str) -> Settings:
    return load(None, {"trust_domain": "luebeck.example", **more})


async def test_a_request_of_a_trace_is_told_to_the_collector_and_others_are_not(tmp_path: Path) -> None:
    async with collecting() as (spans, url):
        traced = settings(admin_traces_url=url, traces_percent="0")
        sampled = {"traceparent": f"00-{TRACE}-{PARENT}-01", "Authorization": "Bearer secret"}
        status = await asked(tmp_path, traced, path="/nodes/gone?name=secret", headers=sampled)
        await asked(tmp_path, traced, path="/nodes/quiet", headers={})
        without = await asked(tmp_path, settings(), path="/nodes/one", headers=sampled)

    assert (status, without) == (404, 200)
    ((resource, span),) = spans
    told = {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}
    assert (span["traceId"], span["parentSpanId"], span["name"]) == (TRACE, PARENT, "GET /nodes/{id}")
    assert str(told["http.response.status_code"]) == "404"
    assert told["proxenia.request_id"]
    assert "spiffe://luebeck.example/control-plane" in json.dumps(resource)
    assert "secret" not in json.dumps(spans)
    assert "gone" not in json.dumps(spans)


async def test_a_collector_that_is_away_costs_a_request_nothing(tmp_path: Path) -> None:
    away = settings(admin_traces_url="http://127.0.0.1:9/v1/traces", traces_percent="100")

    assert await asked(tmp_path, away, path="/nodes/one", headers={}) == 200


def test_what_is_no_address_of_a_collector_is_refused() -> None:
    for wrong in ("127.0.0.1:4318", "ftp://127.0.0.1/", "http://"):
        with pytest.raises(SettingsError, match="admin_traces_url"):
            settings(admin_traces_url=wrong)
