"""Status, health, gateways and the audit through the API."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from control_plane.admin.status import judge
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import Kind
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind
from control_plane.model.xds import CLUSTER
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.objects import Write
from tests.unit.admin.test_checks import WELL, ending, trust
from tests.unit.admin.world import OWN, PARTNER, World, running

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GATEWAY = Gateway(
    id=ObjectId("gw-1"),
    spiffe_id=SpiffeId(f"spiffe://{OWN}/gateway/gw-1"),
    ingress=Endpoint("192.0.2.3", 8443),
    egress=Endpoint("::1", 15001),
)


def state(*, connected: bool = True, refused: tuple[Refusal, ...] = ()) -> GatewayState:
    return GatewayState("gw-1", connected, (Delivery(CLUSTER, 5, 1, 3, refused, 7),), "replica-1", NOON)


REFUSED = Refusal("to/orders.luebeck.example", "abc", "no such cluster type", 1.0)


def event(number: int, **changes: object) -> AuditEvent:
    fields: dict[str, object] = {
        "event_id": f"event-{number}",
        "reporter": "gw-1",
        "row_id": str(number),
        "timestamp": NOON + timedelta(seconds=number),
        "event_type": EventType.CROSS_ORG_REQUEST,
        **changes,
    }
    return AuditEvent(**fields)  # type: ignore[arg-type]  # typed by the cases


def test_all_is_well_when_gateways_are_connected_and_nothing_is_wrong() -> None:
    verdict = judge({Kind.NODE: 1}, [state()], [])

    assert verdict.word == "ok"
    assert verdict.summary == "1 gateway connected, 1 node of 0 partners, 0 resources, 0 grants"


def test_the_verdict_names_everything_that_is_wrong() -> None:
    problems = [Problem("node x", "disabled", "it is disabled")]

    verdict = judge({}, [state(connected=False, refused=(REFUSED,))], problems)

    assert verdict.word == "problem"
    assert verdict.summary == "1 of 1 gateways not connected; 1 resource refused by Envoy; 1 problem"


def test_without_a_gateway_nothing_is_well() -> None:
    assert judge({}, [], []).word == "problem"


def test_what_is_waited_for_comes_first() -> None:
    verdict = judge({}, [], [], waiting=["the store's first answer"])

    assert (verdict.word, verdict.summary) == ("starting", "waiting for the store's first answer")


async def test_the_status_tells_of_every_gateway_also_of_those_that_never_connected(world: World) -> None:
    await world.objects.write([Write(Kind.GATEWAY, "gw-1", GATEWAY)], actor="test")

    before = await world.call("GET", "/api/v1/status")
    await world.deliveries.save([state()])
    after = await world.call("GET", "/api/v1/status")

    assert before.document["verdict"] == "problem"
    assert before.document["gateways"][0]["connected"] is False
    assert after.document["verdict"] == "ok"
    assert after.document["counts"]["node"] == 2
    delivery = after.document["gateways"][0]["deliveries"][0]
    assert (delivery["type"], delivery["wanted"], delivery["acknowledged"]) == ("clusters", 5, 3)


async def test_the_status_names_what_is_away_or_has_expired_by_its_code(world: World) -> None:
    await world.deliveries.save([state(connected=False)])
    world.expiries.items = (ending(-5, "expired"), ending(500, "critical"))

    status = (await world.call("GET", "/api/v1/status")).document

    assert status["summary"] == "1 of 1 gateways not connected; 1 certificate expired"
    assert [one["code"] for one in status["problems"]] == ["gateway_disconnected", "certificate_expired"]
    assert all(one["hint"] for one in status["problems"])


async def test_what_cannot_be_seen_of_others_is_a_warning_and_no_problem() -> None:
    async with running(partners=True) as world:
        await world.deliveries.save([state()])
        heard = replace(WELL, stale=True)
        never = replace(WELL, stale=True, organisation=TrustDomain("visby.example"), heard_at=None)
        world.views.known = [heard, never]
        before = (await world.call("GET", "/api/v1/status")).document
        await trust(world, Agreement(PARTNER, AgreementState.TRUSTED))
        await world.sources.lost("consul", SourceKind.CONSUL, "connection refused")

        status = (await world.call("GET", "/api/v1/status")).document

    assert before["warnings"] == []
    assert status["verdict"] == "ok"
    assert [one["code"] for one in status["warnings"]] == ["source_lost", "partner_silent"]


async def test_the_status_tells_a_hundred_problems_and_how_many_there_are(world: World) -> None:
    world.overview.problems = tuple(Problem(f"node {n}", "disabled", "it is") for n in range(150))

    status = await world.call("GET", "/api/v1/status")

    assert len(status.document["problems"]) == 100
    assert status.document["problems_total"] == 150


async def test_readiness_says_what_it_waits_for(world: World) -> None:
    ready = await world.call("GET", "/readyz")
    world.waiting = ("the first publication",)
    world.objects.down = True
    waiting = await world.call("GET", "/readyz")

    assert (ready.status, ready.document) == (200, {"ready": True, "waiting": []})
    assert waiting.status == 503
    assert waiting.document == {"ready": False, "waiting": ["the first publication", "the database"]}


async def test_health_does_not_ask_the_database(world: World) -> None:
    world.objects.down = True

    answer = await world.call("GET", "/healthz")

    assert answer.status == 200


async def test_info_tells_partners_what_to_import(world: World) -> None:
    answer = await world.call("GET", "/api/v1/federation/info")

    assert answer.document == {
        "organisation": OWN,
        "version": "0.1.0",
        "revision": 1,
        "anchors": ["our anchor"],
    }


async def test_gateways_are_listed_with_what_they_confirmed(world: World) -> None:
    await world.objects.write([Write(Kind.GATEWAY, "gw-1", GATEWAY)], actor="test")
    await world.deliveries.save([state(refused=(REFUSED,))])

    listed = await world.call("GET", "/api/v1/federation/gateways")
    deliveries = await world.call("GET", "/api/v1/federation/gateways/gw-1/deliveries")

    (item,) = listed.document["items"]
    assert (item["id"], item["connected"]) == ("gw-1", True)
    assert (item["wanted"], item["in_flight"], item["acknowledged"], item["refused"]) == (5, 1, 3, 1)
    assert deliveries.document["deliveries"][0]["refused"][0]["detail"] == "no such cluster type"


async def test_a_gateway_that_never_connected_has_no_deliveries(world: World) -> None:
    answer = await world.call("GET", "/api/v1/federation/gateways/gw-9/deliveries")

    assert answer.status == 404


async def test_the_audit_is_paged_newest_first(world: World) -> None:
    await world.audit.append([event(number) for number in range(5)])

    first = await world.call("GET", "/api/v1/audit/events", params={"limit": "3"})
    second = await world.call("GET", "/api/v1/audit/events", params={"after": first.document["next"]})

    assert [item["row_id"] for item in first.document["items"]] == ["4", "3", "2"]
    assert [item["row_id"] for item in second.document["items"]] == ["1", "0"]
    assert second.document["next"] is None


async def test_the_audit_is_filtered_by_address_or_body(world: World) -> None:
    await world.audit.append([event(1, decision="allowed"), event(2, decision="denied"), event(3)])
    filters = {"decision": "denied", "since": NOON.isoformat(), "event_type": "cross_org_request"}

    listed = await world.call("GET", "/api/v1/audit/events", params=filters)
    asked = await world.call("POST", "/api/v1/audit/query", filters)

    assert [item["row_id"] for item in listed.document["items"]] == ["2"]
    assert listed.document == asked.document
