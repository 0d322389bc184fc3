"""A check names the cause of each staged failure by its code; what works is ticked off."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.circuit import Circuit, CircuitState
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.expiry import DatedKind, Expiring
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint, Node
from control_plane.model.peering import (
    NOT_FOLLOWED,
    BundleProfile,
    BundleSource,
    BundleState,
    PartnerView,
    PeeringAddress,
    Remark,
)
from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind
from control_plane.model.xds import CLUSTER
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.objects import Write
from tests.fakes.discovery import NOTHING
from tests.fakes.values import held
from tests.unit.admin.world import PARTNER, World, running

CHECK = "/api/v1/federation/check"
NOW = datetime.now(UTC)
KEY = f"lb-1@{PARTNER}"
WELL = PartnerView(
    organisation=PARTNER,
    addresses=(PeeringAddress("127.0.0.1", 9443),),
    stale=False,
    heard_at=NOW,
    sent_at=NOW,
    send_error="",
    state=AgreementState.TRUSTED,
    paused=False,
    since=NOW,
    sequence=1,
    phase="",
    summary="they trust us",
    clock_seconds=0.2,
)
SOURCE = BundleSource(PARTNER, BundleProfile.HTTPS_WEB, ("https://partner.example/bundle",))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running(partners=True) as made:
        yield made


async def working(world: World) -> None:
    """A gateway, a partner that trusts us and is trusted, its node, a source that sees."""
    node = Node(
        ObjectId("lb-1"),
        PARTNER,
        SpiffeId(f"spiffe://{PARTNER}/gateway/lb-1"),
        (Endpoint("192.0.2.1", 8443),),
    )
    await trust(world, Agreement(PARTNER, AgreementState.TRUSTED))
    await world.objects.write([Write(Kind.NODE, node.key, node)], actor="test")
    await gateway(world)
    await world.sources.seen("dns-sd:luebeck.example", SourceKind.DNS_SD, NOTHING)
    await world.sources.seen("consul", SourceKind.CONSUL, NOTHING)
    partner(world, WELL)


async def trust(world: World, agreement: Agreement) -> None:
    await world.objects.write([Write(Kind.AGREEMENT, agreement.key, agreement)], actor="test")


async def gateway(world: World, *, connected: bool = True, delivery: Delivery | None = None) -> None:
    deliveries = (delivery or Delivery(CLUSTER, 3, 0, 3),)
    state = GatewayState("gw-1", connected=connected, deliveries=deliveries, replica="r", at=NOW)
    await world.deliveries.save([state])


def partner(world: World, view: PartnerView, *bundles: BundleState) -> None:
    world.views.known, world.keeping.known = [view], list(bundles)


async def codes(world: World) -> dict[str, str]:
    """Everything that is not fine: its code, and where."""
    document = (await world.call("GET", CHECK)).document
    found = {}
    for group in document["groups"]:
        for one in group["findings"]:
            for said in (one, one["theirs"]):
                if said and said["code"]:
                    found[said["code"]] = f"{group['name']}: {one['hint']}"
    return found


async def test_what_works_is_ticked_off_group_by_group(world: World) -> None:
    await working(world)

    answer = await world.call("GET", CHECK)

    assert answer.status == 200
    assert answer.document["verdict"] == "ok", answer.document["summary"]
    groups = {group["name"]: group for group in answer.document["groups"]}
    assert list(groups) == [
        *("database", "gateways", "ads", "certificates", "time", "dns", "sources", "partners")
    ]
    sides = {
        one["subject"]: (one["level"], one["theirs"]["level"])
        for one in groups["partners"]["findings"]
        if one["theirs"]
    }
    assert sides == dict.fromkeys(
        (f"{PARTNER} trust", f"{PARTNER} control plane", f"{PARTNER} nodes"), ("ok", "ok")
    )


async def _database_away(world: World) -> None:
    world.look.down = True


async def _objects_away(world: World) -> None:
    world.objects.down = True


async def _crowded(world: World) -> None:
    world.look.connections = 95


async def _clock(world: World) -> None:
    world.look.ahead = timedelta(minutes=3)


async def _starting(world: World) -> None:
    world.waiting = ("the first read of the database",)


async def _disconnected(world: World) -> None:
    await gateway(world, connected=False)


async def _nack(world: World) -> None:
    refusal = Refusal("to/orders", "v1", "no such filter", 1.0)
    await gateway(world, delivery=Delivery(CLUSTER, 3, 0, 2, (refusal,)))


async def _slow(world: World) -> None:
    await gateway(world, delivery=Delivery(CLUSTER, 3, 1, 2))


async def _object(world: World) -> None:
    world.overview.problems = (Problem("node x", "bad_address", "no address", "give one"),)


async def _expired(world: World) -> None:
    world.expiries.items = (ending(-5, "expired"),)


async def _ends(world: World) -> None:
    world.expiries.items = (ending(500, "warning"),)


def ending(left: int, severity: str) -> Expiring:
    return Expiring(
        subject="gw-1",
        kind=DatedKind.LEAF,
        organisation="bergen.example",
        not_after=NOW,
        breaks="its requests fail",
        seconds_left=left,
        severity=severity,
    )


async def _lost(world: World) -> None:
    await world.sources.lost("consul", SourceKind.CONSUL, "connection refused")


async def _name(world: World) -> None:
    partner(world, replace(WELL, addresses=(PeeringAddress("nobody.invalid", 9443),)))


async def _silent(world: World) -> None:
    partner(world, replace(WELL, stale=True))


async def _unreachable(world: World) -> None:
    partner(world, replace(WELL, send_error="unavailable: connection refused"))


async def _fingerprint(world: World) -> None:
    partner(world, replace(WELL, send_error="untrusted_chain: another root signed it"))


async def _late(world: World) -> None:
    partner(world, replace(WELL, send_error="message_expired: compare the clocks of both sides"))


async def _partner_clock(world: World) -> None:
    partner(world, replace(WELL, clock_seconds=-12.0))


async def _paused_by_them(world: World) -> None:
    partner(world, replace(WELL, paused=True, summary="they paused us"))


async def _not_trusted(world: World) -> None:
    partner(world, replace(WELL, state=AgreementState.REVOKED, summary="they have us as revoked"))


async def _pending(world: World) -> None:
    await trust(world, Agreement(PARTNER, AgreementState.PENDING))


async def _held(world: World) -> None:
    partner(world, WELL, BundleState(source=SOURCE, held="{}"))


async def _not_fetched(world: World) -> None:
    partner(world, WELL, BundleState(source=SOURCE, code="unavailable", detail="no answer"))


async def _circuit(world: World) -> None:
    world.fitness.open[KEY] = Circuit(state=CircuitState.OPEN)


async def _partner_dead(world: World) -> None:
    partner(world, replace(WELL, stale=True))
    world.fitness.unseen[KEY] = "heartbeat_lost"


async def _not_announced(world: World) -> None:
    await sighted(world, offline=True)


async def _nobody_sees(world: World) -> None:
    await sighted(world)
    await world.sources.lost("consul", SourceKind.CONSUL, "connection refused")


async def sighted(world: World, *, offline: bool = False) -> None:
    found = replace(held("lb-2", source="consul"), missing=NOW if offline else None, offline=offline)
    await world.objects.write([Write(Kind.SIGHTING, found.key, found)], actor="consul")


async def _remark(world: World) -> None:
    partner(world, replace(WELL, remarks=(Remark("node_offline", "bergen-1 does not answer us"),)))


STAGED: list[tuple[str, str, Callable[[World], Awaitable[None]]]] = [
    ("database_away", "database", _database_away),
    ("database_away", "gateways", _objects_away),
    ("database_crowded", "database", _crowded),
    ("clock_differs", "time", _clock),
    ("starting", "database", _starting),
    ("gateway_disconnected", "gateways", _disconnected),
    ("nack", "ads", _nack),
    ("deliveries_wait", "ads", _slow),
    ("bad_address", "ads", _object),
    ("certificate_expired", "certificates", _expired),
    ("certificate_ends", "certificates", _ends),
    ("source_lost", "sources", _lost),
    ("dns_fails", "dns", _name),
    ("partner_silent", "partners", _silent),
    ("unreachable", "partners", _unreachable),
    ("untrusted_chain", "partners", _fingerprint),
    ("message_expired", "partners", _late),
    ("clock_differs", "partners", _partner_clock),
    ("paused", "partners", _paused_by_them),
    ("no_trust", "partners", _not_trusted),
    ("waits_for_approval", "partners", _pending),
    ("bundle_waits", "partners", _held),
    ("bundle_fails", "partners", _not_fetched),
    ("node_offline", "partners", _circuit),
    ("node_offline", "partners", _remark),
    ("node_unseen", "partners", _partner_dead),
    ("node_unseen", "partners", _not_announced),
    ("node_unseen", "partners", _nobody_sees),
]


@pytest.mark.parametrize(
    ("code", "group", "stage"), STAGED, ids=lambda value: getattr(value, "__name__", None)
)
async def test_the_cause_of_a_staged_failure_is_named(
    world: World, code: str, group: str, stage: Callable[[World], Awaitable[None]]
) -> None:
    await working(world)

    await stage(world)

    found = await codes(world)
    assert code in found
    where, _, hint = found[code].partition(": ")
    assert where == group or code == "database_away"
    assert hint


async def test_a_node_that_nobody_calls_is_told_and_is_no_trouble(world: World) -> None:
    await working(world)

    document = (await world.call("GET", CHECK)).document

    assert "1 node, none with trouble; of 1 nothing was seen lately" in str(document["groups"])
    assert document["verdict"] == "ok"


async def test_a_bundle_that_could_not_be_fetched_yet_is_no_failure(world: World) -> None:
    await working(world)
    partner(world, WELL, BundleState(source=SOURCE, code=NOT_FOLLOWED, detail="there is no agreement"))

    document = (await world.call("GET", CHECK)).document

    assert document["verdict"] == "ok"
    assert "not fetched yet" in str(document["groups"])


async def test_nothing_at_all_is_a_problem_with_a_next_step(world: World) -> None:
    found = await codes(world)

    assert "proxenia gateway run" in found["no_gateway"]
    assert "source_silent" in found
