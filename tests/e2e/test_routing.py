"""Two organisations whose gateways hold only what they use: checks, a drain, a circuit, late names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from control_plane.app.demo.organisation import eventually
from control_plane.app.demo.upstream import Upstream
from tests.e2e.conftest import room
from tests.e2e.pair import WITHIN, Pair, pair
from tests.e2e.test_partners import proxenia

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SETTINGS = {"PROXENIA_ON_DEMAND": "true", "PROXENIA_CHECK_SECONDS": "1", "PROXENIA_RATE_LIMITS": "enforced"}
SLOW = "slow.luebeck.example"
NODE = "luebeck-1@luebeck.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners() -> AsyncIterator[Pair]:
    with room() as directory:
        async with pair(directory, SETTINGS) as running:
            yield running


@dataclass(frozen=True, slots=True)
class Slow:
    """A service that says when a request has come, and answers it when it is told to."""

    port: int
    entered: asyncio.Event
    release: asyncio.Event


@asynccontextmanager
async def slow_service() -> AsyncIterator[Slow]:
    entered, release = asyncio.Event(), asyncio.Event()
    release.set()

    async def answer(_: web.Request) -> web.Response:
        entered.set()
        await release.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Slow(runner.addresses[0][1], entered, release)
    finally:
        release.set()
        await runner.cleanup()


async def offer(partners: Pair, name: str, upstream: dict[str, object]) -> None:
    """Lübeck offers it, Novgorod may use it and knows it."""
    resource = {"name": name, "organisation": "luebeck.example"}
    await partners.luebeck.post("/federation/resources", resource | {"upstreams": [upstream]})
    grant = {"id": name, "resource": name, "subject": "novgorod.example"}
    await partners.luebeck.post("/federation/grants", grant)
    await partners.novgorod.post("/federation/resources", resource)


async def call(partners: Pair, host: str = "orders.luebeck.example") -> int:
    url = f"http://127.0.0.1:{partners.novgorod.sites[0].egress}/"
    async with (
        aiohttp.ClientSession(timeout=WITHIN) as session,
        session.get(url, headers={"host": host}) as answer,
    ):
        return answer.status


async def answers(partners: Pair, status: int, host: str = "orders.luebeck.example") -> None:
    async def so() -> bool:
        return await call(partners, host) == status

    await eventually(f"{host} to answer {status}", so)


async def status(partners: Pair) -> tuple[str, str]:
    node = await partners.novgorod.get(f"/federation/nodes/{NODE}")
    return node["status"], node["status_reason"]


@pytest.mark.asyncio(loop_scope="module")
async def test_checks_are_in_the_audit_and_no_request_of_anybody(partners: Pair) -> None:
    async def checked() -> bool:
        page = await partners.novgorod.get("/audit/events", event_type="node_checked")
        return any(one["target_node"] == NODE and one["decision"] == "allowed" for one in page["items"])

    async def online() -> bool:
        return await status(partners) == ("online", "answers")

    await eventually("a check in the audit", checked)
    await eventually("the node to be online", online)
    requests = await partners.luebeck.get("/audit/events", limit="500")

    assert "/.well-known/proxenia-health" not in str(requests["items"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_drained_node_finishes_what_runs_and_gets_nothing_new(partners: Pair) -> None:
    async with slow_service() as service:
        await offer(partners, "slow", {"host": "127.0.0.1", "port": service.port})
        await answers(partners, 200, SLOW)
        service.entered.clear()
        service.release.clear()
        running = asyncio.create_task(call(partners, SLOW))
        await asyncio.wait_for(service.entered.wait(), 10)
        await partners.novgorod.post(f"/federation/nodes/{NODE}/drain", {"reason": "new disks"})
        await answers(partners, 503)
        was_running = not running.done()
        service.release.set()
        finished = await running
    drained = await partners.novgorod.get(f"/federation/nodes/{NODE}")
    await partners.novgorod.post(f"/federation/nodes/{NODE}/undrain", {})
    await answers(partners, 200)

    assert (was_running, finished) == (True, 200)
    assert drained["status"] in {"online", "degraded"}  # answers of a moment ago outweigh it


@pytest.mark.asyncio(loop_scope="module")
async def test_five_failures_open_the_circuit_which_is_seen_and_closes_again(partners: Pair) -> None:
    async def is_now(state: str) -> bool:
        shown = await partners.novgorod.get(f"/federation/nodes/{NODE}/circuit")
        return bool(shown["state"] == state)

    async def opened() -> bool:
        return await partners.novgorod.stat(r"outlier_detection\.ejections_active$") == 1

    partners.upstream.failing, before = True, partners.upstream.requests
    statuses = [await call(partners) for _ in range(5)]
    await eventually("Envoy's main thread to have judged what a worker saw", opened, within=5)
    statuses += [await call(partners) for _ in range(2)]
    reached = partners.upstream.requests - before
    await eventually("an open circuit", lambda: is_now("open"), within=5)
    partners.upstream.failing = False
    await answers(partners, 200)
    await eventually("a closed circuit", lambda: is_now("closed"), within=5)
    metrics = await partners.novgorod.get("/federation/circuits")

    assert statuses == [500] * 5 + [503] * 2
    assert reached == 5
    assert metrics["items"] == []
    assert metrics["settings"] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_name_that_comes_later_fails_at_once_before_and_works_after(partners: Pair) -> None:
    assert partners.upstream.endpoint
    address = {"host": partners.upstream.endpoint.host, "port": partners.upstream.endpoint.port}
    host = "later.luebeck.example"

    unknown = [await call(partners, host) for _ in range(3)]
    await offer(partners, "later", address)
    await answers(partners, 200, host)
    group = {"name": "later", "organisation": "novgorod.example", "members": ["luebeck.example"]}
    await partners.novgorod.post("/federation/groups", group)
    await answers(partners, 200, "later.novgorod.example")

    assert unknown == [503] * 3


@pytest.mark.asyncio(loop_scope="module")
async def test_a_rollback_restores_what_was_as_a_new_change_and_traffic_follows(partners: Pair) -> None:
    luebeck, agreement = partners.luebeck, f"/federation/agreements/{partners.novgorod.trust_domain}"
    before = (await luebeck.get("/federation/info"))["revision"]
    proxenia(luebeck, "grant", "remove", "novgorod-uses-orders")
    await answers(partners, 403)

    said = proxenia(luebeck, "rollback", str(before), "--dry-run")
    still = await call(partners)
    proxenia(luebeck, "rollback", str(before))
    await answers(partners, 200)
    newest, removal = proxenia(luebeck, "history", "--limit", "2").splitlines()[1:3]
    await luebeck.post(f"{agreement}/pause", {})
    proxenia(luebeck, "rollback", str(before))

    assert "restored  grant novgorod-uses-orders" in said
    assert still == 403
    assert int(newest.split()[0]) > int(removal.split()[0]) > before
    assert "novgorod-uses-orders" in newest
    assert (await luebeck.get(agreement))["paused"]  # trust is no matter of history
    await luebeck.post(f"{agreement}/resume", {})
    await answers(partners, 200)


async def asked_meanwhile(partners: Pair, host: str, done: asyncio.Event) -> list[int]:
    """One client that asks without a pause until it is done."""
    statuses = []
    while not done.is_set():
        statuses.append(await call(partners, host))
    return statuses


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_ours_is_asked_at_home_and_in_a_group_a_partner_stands_behind_it(
    partners: Pair,
) -> None:
    novgorod, host, key = partners.novgorod, "orders.novgorod.example", "orders@novgorod.example"
    resource, done = {"name": "orders", "organisation": "novgorod.example"}, asyncio.Event()
    nobody = await call(partners, host)
    async with Upstream("orders at home") as home:
        assert home.endpoint
        upstream = {"host": home.endpoint.host, "port": home.endpoint.port}
        await novgorod.post("/federation/resources", resource | {"upstreams": [upstream]})
        await answers(partners, 200, host)
        client = asyncio.create_task(asked_meanwhile(partners, host, done))
        group = resource | {"members": ["novgorod.example", "luebeck.example"]}
        await novgorod.post("/federation/groups", group)
        explained = await eventually("the group", lambda: explained_as(partners, key, "is a group"))
        proxenia(novgorod, "group", "remove", key)
        await eventually("the resource", lambda: explained_as(partners, key, "is ours"))
        await novgorod.post("/federation/groups", group)
        await eventually("the group again", lambda: explained_as(partners, key, "is a group"))
        at_home = home.requests
    rows = await eventually("a row of the partner", lambda: targets(partners, key, NODE))
    done.set()
    statuses = await client
    proxenia(novgorod, "group", "remove", key)
    proxenia(novgorod, "resource", "remove", key)
    await answers(partners, 503, host)

    assert at_home
    assert nobody == 503
    assert set(statuses) == {200}
    assert explained is not None
    assert explained["works"]
    assert rows == {"novgorod.example", NODE}
    assert key not in str(await partners.luebeck.get("/audit/events", resource=key))


async def explained_as(partners: Pair, key: str, what: str) -> dict[str, Any] | None:
    found = await partners.novgorod.post("/federation/routes/explain", {"route": key})
    return found if what in str(found["steps"]) else None


async def targets(partners: Pair, key: str, wanted: str) -> set[str] | None:
    """Who was asked for this resource, once ``wanted`` was."""
    page = await partners.novgorod.get("/audit/events", resource=key, limit="500")
    found = {
        row["target_node"] for row in page["items"] if row["direction"] == "egress" and row["target_node"]
    }
    return found if wanted in found else None
