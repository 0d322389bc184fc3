"""Requests through egress and ingress, with exactly the configuration that is published."""

import asyncio

import aiohttp
import pytest

from control_plane.model.tuning import Tuning
from control_plane.translate.access_log import REQUEST_KEYS
from tests.integration.translate.parties import Parties, parties

pytestmark = pytest.mark.integration


async def test_a_granted_request_passes_and_both_sides_log_it_under_one_id() -> None:
    async with parties(Tuning()) as both:
        answered = await both.get("/a?token=hidden")
        out = await both.caller.line("access", path="/a")
        into = await both.servers[0].line("access", path="/a")

    assert answered == (200, "/a?token=hidden")
    assert out["rid"] == into["rid"]
    assert out.keys() == into.keys() == REQUEST_KEYS
    assert out["dir"] == "egress"
    assert out["peer"] == "spiffe://server.example/gateway/gw-0"
    assert out["resource"] == into["resource"] == "orders@server.example"
    assert out["target_node"] == "node-0@server.example"
    assert out["cluster"] == "to/orders.server.example"
    assert into["dir"] == "ingress"
    assert into["peer"] == "spiffe://caller.example/gateway/gw"
    assert (into["rbac"], into["result"]) == ("orders-all", "allowed")
    assert into["code"] == 200
    assert isinstance(into["ms"], int)
    assert isinstance(into["bytes"], int)
    assert "hidden" not in str([out, into])


async def test_what_is_not_granted_is_denied_and_what_does_not_exist_is_not_found() -> None:
    async with parties(Tuning()) as both:
        denied = await both.get("/b", host="secret.server.example")
        missing = await both.get("/c", host="nothing.server.example")
        local = await both.get("/c", host="local/orders")
        line = await both.servers[0].line("access", path="/b")

    assert denied[0] == 403
    assert missing[0] == 404
    assert local[0] in {400, 404}
    assert (line["code"], line["result"], line["resource"]) == (403, "denied", "secret@server.example")
    assert both.service.seen == []


async def test_a_capability_is_its_methods_at_its_path_and_below(shared: Parties) -> None:
    headers = {"Host": "items.server.example"}
    expected = {
        ("GET", "/items"): 200,
        ("GET", "/items?page=2"): 200,
        ("GET", "/items/1"): 200,
        ("POST", "/orders/1"): 200,
        ("POST", "/items"): 403,
        ("GET", "/itemsandmore"): 403,
        ("GET", "/"): 403,
        ("POST", "/orders"): 403,
    }

    got = {}
    for method, path in expected:
        async with shared.session.request(method, shared.url(path), headers=headers) as answer:
            got[method, path] = answer.status

    assert got == expected


async def test_a_path_cannot_climb_out_of_what_is_granted(shared: Parties) -> None:
    climbing = [
        b"/items/../admin",
        b"/items/%2e%2e/admin",
        b"/items/..%2fadmin",
        b"/items/..\\admin",
        b"/items/..;/admin",
        b"/items/.%2e;a=b/admin",
        b"/admin?/items",
        b"//admin/items",
    ]

    statuses = [await _raw(shared, path) for path in climbing]

    assert set(statuses) <= {b"400", b"403"}
    assert shared.service.seen == []


async def _raw(both: Parties, path: bytes) -> bytes:
    """The status of a request whose path no client library has tidied."""
    reader, writer = await asyncio.open_connection("127.0.0.1", both.caller.ports["egress"])
    writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: items.server.example\r\nConnection: close\r\n\r\n")
    status = (await reader.readline()).split()[1]
    writer.close()
    return status


async def test_headers_that_decide_are_set_by_gateways_only(shared: Parties) -> None:
    forged = {
        "x-proxenia-cluster": "to/secret.server.example",
        "x-request-id": "forged",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-client-cert": "URI=spiffe://caller.example/gateway/other",
        "x-http-method-override": "DELETE",
        "x-original-url": "/admin",
    }

    answered = await shared.get("/headers", **forged)

    seen = shared.service.seen[-1]
    assert answered == (200, "/headers")
    assert "x-proxenia-cluster" not in seen
    assert "x-http-method-override" not in seen
    assert "x-original-url" not in seen
    assert seen["x-request-id"] != "forged"
    assert "203.0.113.9" not in seen["x-forwarded-for"]
    assert "URI=spiffe://caller.example/gateway/gw" in seen["x-forwarded-client-cert"]
    assert "other" not in seen["x-forwarded-client-cert"]


async def test_a_port_or_a_final_dot_in_the_host_makes_no_difference(shared: Parties) -> None:
    hosts = ("orders.server.example:8080", "orders.server.example.", "orders.server.example.:80")

    answers = [await shared.get("/port", host=host) for host in hosts]

    assert answers == [(200, "/port")] * 3


async def test_a_header_with_underscores_is_refused(shared: Parties) -> None:
    status, _ = await shared.get("/", x_user="root")

    assert status == 400


async def test_traceparent_passes_untouched(shared: Parties) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    await shared.get("/trace", traceparent=parent)

    assert shared.service.seen[-1]["traceparent"] == parent
    assert (await shared.servers[0].line("access", path="/trace"))["trace"] == parent


async def test_websockets_and_events_cross_both_gateways(shared: Parties) -> None:
    headers = {"Host": "orders.server.example"}
    async with shared.session.ws_connect(shared.url("/socket"), headers=headers) as socket:
        await socket.send_str("over here")
        echoed = await socket.receive_str(timeout=5)
    accept = {**headers, "accept": "text/event-stream"}
    async with shared.session.get(shared.url("/events"), headers=accept) as stream:
        events = await stream.text()

    assert echoed == "over here"
    assert events == "data: 0\n\ndata: 1\n\ndata: 2\n\n"


@pytest.mark.alone
async def test_a_stream_outlives_the_request_timeout_and_a_plain_request_does_not() -> None:
    async with parties(Tuning(request_timeout=0.6, retries=0)) as both:
        headers = {"Host": "orders.server.example"}
        accept = {**headers, "accept": "text/event-stream"}
        async with both.session.get(both.url("/events"), headers=accept) as stream:
            events = await stream.text()
        async with both.session.get(both.url("/events"), headers=headers) as plain:
            with pytest.raises(aiohttp.ClientPayloadError):  # the answer had begun, so it can only be cut
                await plain.text()

    assert events.endswith("data: 2\n\n")
