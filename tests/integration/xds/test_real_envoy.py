"""A real Envoy takes what the server sends, and tells the truth about it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from control_plane.model.delivery import Delivery
from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, XdsResource
from control_plane.ports.publisher import Name
from tests.integration.translate.envoy import Envoy, running
from tests.integration.xds.control import Control, control
from tests.integration.xds.gateway_client import gateway, names
from tests.integration.xds.relay import Relay, relay
from tests.integration.xds.small_world import (
    GATEWAY,
    bootstrap,
    cluster,
    endpoints,
    listener,
    routes,
)

pytestmark = pytest.mark.integration

MANY = 30
_TRIES, _PAUSE = 400, 0.05  # seconds


@dataclass
class Place:
    """A control plane, an Envoy, what passes between them, and two upstreams that say who they are."""

    control: Control
    envoy: Envoy
    wire: Relay
    ports: tuple[int, int]

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.envoy.ports['in']}{path}") as response,
        ):
            return response.status, await response.text()

    async def answers(self, path: str, status: int, text: str = "") -> None:
        got = (0, "")
        for _ in range(_TRIES):
            got = await self.get(path)
            if got[0] == status and got[1].startswith(text):
                return
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"expected {status} {text!r} from {path}, got {got}")

    async def acknowledged(self, type_url: str, count: int) -> None:
        await self.control.delivered(GATEWAY, type_url, lambda each: _complete(each, count))

    async def eventually(self, stat: str, value: int) -> None:
        got = 0
        for _ in range(_TRIES):
            got = await self.envoy.stat(stat)
            if got == value:
                return
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"expected {value} of {stat}, got {got}")


def _complete(delivery: Delivery, count: int) -> bool:
    return (delivery.wanted, delivery.acknowledged, delivery.in_flight) == (count, count, 0)


def _saying(text: str) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(_request: web.BaseRequest) -> web.Response:
        return web.Response(text=text)

    return handle


@asynccontextmanager
async def _upstream(text: str) -> AsyncIterator[int]:
    runner = web.ServerRunner(web.Server(_saying(text)))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _service(number: int) -> str:
    return f"service-{number:03d}"


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """Thirty clusters, all of them at the first upstream."""
    async with _upstream("first") as first, _upstream("second") as second:
        clusters = [_service(number) for number in range(MANY)]
        world = [cluster(name) for name in clusters] + [endpoints(name, first) for name in clusters]
        with tempfile.TemporaryDirectory(prefix="px-") as directory:
            async with (
                control(*world, listener(), routes(*clusters)) as server,
                relay(server.directory / "r.sock", server.socket) as wire,
                running(Path(directory), bootstrap(wire.path)) as envoy,
            ):
                yield Place(server, envoy, wire, (first, second))


async def test_everything_is_loaded_acknowledged_and_served(place: Place) -> None:
    await place.answers("/service-007", 200, "first")

    for type_url, count in ((CLUSTER, MANY), (ENDPOINTS, MANY), (LISTENER, 1), (ROUTES, 1)):
        await place.acknowledged(type_url, count)


async def test_a_change_of_one_endpoint_sends_one_endpoint_resource_and_nothing_else(place: Place) -> None:
    clusters = [_service(number) for number in range(MANY)]
    await place.acknowledged(ENDPOINTS, MANY)
    await place.answers("/service-007", 200, "first")
    async with gateway(place.control.socket, "observer") as observer:
        await observer.ask(CLUSTER)
        assert sorted(names([await observer.hear()])) == clusters
        await observer.ask(ENDPOINTS, *clusters)
        assert sorted(names([await observer.hear()])) == clusters
        place.wire.said.clear()

        place.control.put(endpoints("service-007", place.ports[1]))

        heard = await observer.hear()
        assert heard.type_url == ENDPOINTS
        assert names([heard]) == ["service-007"]
        assert not heard.removed_resources
        assert await observer.hears_nothing()
    await place.answers("/service-007", 200, "second")
    sent = bytes(place.wire.said)
    assert sent.count(ENDPOINTS.encode()) == 2  # the type of the response, and of its resource
    assert not any(name.encode() in sent for name in clusters if name != "service-007")
    assert not any(other.encode() in sent for other in (CLUSTER, LISTENER, ROUTES))


async def test_a_changed_cluster_does_not_wait_for_its_endpoints(place: Place) -> None:
    await place.answers("/service-007", 200, "first")

    place.control.put(cluster("service-007", "2s"))

    async with asyncio.timeout(4):  # without its endpoints it would warm for initial_fetch_timeout: 15 s
        await place.eventually("cluster_manager.cluster_modified", 1)
        await place.eventually("cluster_manager.warming_clusters", 0)
    await place.acknowledged(CLUSTER, MANY)
    assert (await place.get("/service-007")) == (200, "first")


async def test_a_cluster_added_with_its_route_is_used_and_goes_again(place: Place) -> None:
    clusters = [_service(number) for number in range(MANY)]
    await place.answers("/service-007", 200, "first")

    place.control.put(cluster("new"), endpoints("new", place.ports[1]), routes("new", *clusters))
    await place.answers("/new", 200, "second")
    place.control.put(routes(*clusters))
    place.control.take(Name(CLUSTER, "new"), Name(ENDPOINTS, "new"))

    await place.answers("/new", 404)
    await place.eventually("cluster_manager.cluster_removed", 1)
    await place.acknowledged(CLUSTER, MANY)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (cluster("bad", outlier_detection={"max_ejection_percent": 101}), "MaxEjectionPercent"),
        (cluster("bad", lb_policy="CLUSTER_PROVIDED"), "did not provide one"),
    ],
    ids=["breaks a rule of its message", "makes no sense"],
)
async def test_a_refused_cluster_is_known_and_the_others_apply(
    place: Place, bad: XdsResource, words: str
) -> None:
    clusters = [_service(number) for number in range(MANY)]
    second = place.ports[1]
    await place.answers("/service-007", 200, "first")

    place.control.put(bad, endpoints("bad", second), cluster("good"), endpoints("good", second))
    place.control.put(routes("good", *clusters))

    await place.answers("/good", 200, "second")
    delivery = await place.control.delivered(
        GATEWAY, CLUSTER, lambda each: bool(each.refused) and each.acknowledged == MANY + 1
    )
    (refusal,) = delivery.refused
    assert (refusal.name, refusal.version) == ("bad", bad.version)
    assert words in refusal.detail
    rejected = await place.envoy.stat("cluster_manager.cds.update_rejected")
    place.control.put(cluster("good", "2s"))
    await place.eventually("cluster_manager.cluster_modified", 1)
    assert (
        await place.envoy.stat("cluster_manager.cds.update_rejected") == rejected
    )  # it was not offered again
    place.control.put(cluster("bad"))
    await place.acknowledged(CLUSTER, MANY + 2)


async def test_an_envoy_that_restarts_gets_the_last_acknowledged_version_of_what_it_refuses(
    place: Place,
) -> None:
    await place.answers("/service-007", 200, "first")
    for type_url, count in ((CLUSTER, MANY), (LISTENER, 1)):
        await place.acknowledged(type_url, count)
    nowhere = {"socket_address": {"address": "no address", "port_value": 0}}

    place.control.put(cluster("service-007", lb_policy="CLUSTER_PROVIDED"), listener(address=nowhere))
    for type_url in (CLUSTER, LISTENER):
        await place.control.delivered(GATEWAY, type_url, lambda each: bool(each.refused))
    assert (await place.get("/service-007")) == (200, "first")
    place.envoy.kill()
    with tempfile.TemporaryDirectory(prefix="px-") as directory:
        async with running(Path(directory), bootstrap(place.wire.path)) as place.envoy:
            await place.eventually("listener_manager.total_listeners_active", 1)  # it was ready before
            await place.envoy.ready()
            await place.answers("/service-007", 200, "first")
            for type_url, name in ((CLUSTER, "service-007"), (LISTENER, "in")):
                delivery = await place.control.delivered(
                    GATEWAY, type_url, lambda each: bool(each.refused) and not each.in_flight
                )
                assert [refusal.name for refusal in delivery.refused] == [name]


async def test_a_server_that_was_away_sends_nothing_again(place: Place) -> None:
    clusters = [_service(number) for number in range(MANY)]
    for type_url, count in ((CLUSTER, MANY), (ENDPOINTS, MANY), (LISTENER, 1), (ROUTES, 1)):
        await place.acknowledged(type_url, count)
    await place.control.stop()
    place.control.forget()
    place.wire.said.clear()
    assert await place.get("/service-007") == (200, "first")

    first = place.ports[0]
    world = [cluster(name) for name in clusters] + [endpoints(name, first) for name in clusters]
    await place.control.start(*world, listener(), routes(*clusters))

    for type_url, count in ((CLUSTER, MANY), (ENDPOINTS, MANY), (LISTENER, 1), (ROUTES, 1)):
        await place.acknowledged(type_url, count)
    assert place.wire.connections >= 2
    assert b"service-" not in place.wire.said
