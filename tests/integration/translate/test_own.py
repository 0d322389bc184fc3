"""Applications of ours call what we offer ourselves: at its upstreams, past every gateway of a partner."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from control_plane.audit.events import Source, parse
from control_plane.model.audit import AuditEvent
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import CALLER, Cast, Parties, Service, parties, serving

pytestmark = pytest.mark.integration
OURS = "stock.caller.example"
NAMED = {"x-proxenia-resource": "stock@caller.example"}


@asynccontextmanager
async def at_home(*, broken: int = 0) -> AsyncIterator[tuple[Parties, Service]]:
    """We offer ``stock``, and from no upstream ``orders``, which the partner offers too."""
    service = Service()
    async with serving(service) as port:
        cast = Cast(own={"stock": [*([1] * broken), port], "orders": []})
        async with parties(Tuning(), cast=cast) as both:
            yield both, service


async def test_a_resource_of_ours_is_named_as_those_of_partners_and_reached_at_its_upstreams() -> None:
    async with at_home() as (both, service):
        answers = [
            await both.get("/host", host=OURS),
            await both.get("/case", host="STOCK.Caller.Example.:8080"),
            await both.get("/caller.example/stock/path?x=1", host="localhost"),
            await both.get("/header", host="other.example", **NAMED),
        ]
        nothing = [
            await both.get("/", host=host)
            for host in ("nothing.caller.example", "caller.example", "a.stock.caller.example")
        ]
        without = await both.get("/", host="orders.caller.example")
        partner_s = await both.get("/theirs")
        asked = len(await both.servers[0].written("access", 1))

    assert answers == [(200, "/host"), (200, "/case"), (200, "/path?x=1"), (200, "/header")]
    assert {seen["host"] for seen in service.seen} == {OURS}
    assert [status for status, _ in nothing] == [404] * 3
    assert without == (503, "no healthy upstream")
    assert partner_s == (200, "/theirs")
    assert asked == 1  # of the partner's gateway


async def test_our_applications_cannot_pretend_to_be_a_partner() -> None:
    forged = {
        "x-forwarded-client-cert": "URI=spiffe://server.example/gateway/gw-0",
        "x-proxenia-serial": "01",
        "x-proxenia-cluster": "to/orders.server.example",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "orders.server.example",
        "x-forwarded-proto": "https",
        "x-envoy-external-address": "203.0.113.9",
        "x-request-id": "forged",
        "x-http-method-override": "DELETE",
        "x-original-url": "/admin",
        "x-rewrite-url": "/admin",
    }
    async with at_home() as (both, service):
        await both.get("/host", host=OURS, **forged)
        await both.get("/header", host="orders.server.example", **forged, **NAMED)

    for seen in service.seen:
        kept = {name for name in forged if name in seen} - {"x-request-id", "x-forwarded-proto"}
        assert kept == set()
        assert "x-proxenia-resource" not in seen
        assert seen["x-request-id"] != "forged"
        assert seen["x-forwarded-proto"] == "http"
    assert len(service.seen) == 2


async def test_the_audit_says_that_it_was_ourselves() -> None:
    async with at_home() as (both, service):
        await both.get("/fine?token=hidden", host=OURS)
        await both.get("/none", host="orders.caller.example")
        service.status = 403
        await both.get("/refused", host=OURS)
        fine, none, refused = [
            _event(await both.caller.line("access", path=path)) for path in ("/fine", "/none", "/refused")
        ]

    assert (fine.direction, fine.resource, fine.target_node) == ("egress", "stock@caller.example", CALLER)
    assert (fine.principal_org, fine.decision, fine.reason, fine.status) == (CALLER, "allowed", "", 200)
    assert "peer" not in fine.metadata
    assert (none.resource, none.target_node) == ("orders@caller.example", "")
    assert (none.decision, none.reason) == ("failed", "no_healthy_node")
    assert (refused.decision, refused.reason, refused.status) == ("allowed", "upstream_4xx", 403)


def _event(line: dict[str, object]) -> AuditEvent:
    source = Source("gw", CALLER, "access.jsonl")
    event = parse("access", json.dumps(line).encode(), source=source, offset=0)
    assert isinstance(event, AuditEvent)
    return event


async def test_an_upstream_of_ours_that_is_gone_is_passed_over() -> None:
    async with at_home(broken=1) as (both, _):
        answers = [await both.get("/x", host=OURS) for _ in range(5)]

    assert answers == [(200, "/x")] * 5
