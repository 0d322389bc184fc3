"""Taking back a node, a certificate, an organisation; and what the agreement tells of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from control_plane.model.agreement import Agreement
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import Kind
from control_plane.model.node import Node
from tests.unit.admin.test_federation import AGREEMENT, API, agree
from tests.unit.admin.world import PARTNER, World, node

SERIAL = "0a1b"


async def agreement_of(world: World) -> Agreement:
    stored = await world.objects.get(Kind.AGREEMENT, PARTNER)
    assert stored is not None
    assert isinstance(stored.value, Agreement)
    return stored.value


async def add_node(world: World) -> str:
    document = node()
    assert (await world.call("POST", f"{API}/nodes", document)).status == 201
    return f"{document['node_id']}@{document['organisation']}"


async def test_a_node_and_its_identity_are_revoked_in_one_change(world: World) -> None:
    await agree(world)
    key = await add_node(world)
    before = world.objects.revision

    answer = await world.call("POST", f"{API}/nodes/{key}/revoke", {"reason": "stolen"})

    agreement, stored = await agreement_of(world), await world.objects.get(Kind.NODE, key)
    assert (answer.status, answer.document["enabled"]) == (200, False)
    assert world.objects.revision == before + 1
    assert stored is not None
    assert isinstance(stored.value, Node)
    assert agreement.revoked_identities == (stored.value.spiffe_id,)
    assert agreement.cut is not None
    assert (agreement.cut.number, agreement.cut.what) == (1, f"node {key}")
    assert agreement.reason == "stolen"


async def test_enabling_a_revoked_node_does_not_bring_it_back_and_reinstating_does(world: World) -> None:
    await agree(world)
    key = await add_node(world)
    await world.call("POST", f"{API}/nodes/{key}/revoke")

    await world.call("PATCH", f"{API}/nodes/{key}", {"enabled": True})
    denied = (await agreement_of(world)).revoked_identities
    back = await world.call("POST", f"{API}/nodes/{key}/reinstate")
    twice = await world.call("POST", f"{API}/nodes/{key}/reinstate")

    assert len(denied) == 1
    assert (back.status, back.document["enabled"]) == (200, True)
    assert (await agreement_of(world)).revoked_identities == ()
    assert (twice.status, twice.code) == (409, "bad_transition")


async def test_a_certificate_is_revoked_and_reinstated_by_its_serial_number(world: World) -> None:
    await agree(world)
    path = f"{AGREEMENT}/certificates/{SERIAL}"

    revoked = await world.call("POST", f"{path}/revoke")
    again = await world.call("POST", f"{path}/revoke")
    back = await world.call("POST", f"{path}/reinstate")

    assert revoked.document["revoked_serials"] == again.document["revoked_serials"] == [SERIAL]
    assert revoked.document["fingerprints"]
    assert back.document["revoked_serials"] == []
    assert (await agreement_of(world)).epoch == 2


@pytest.mark.parametrize("serial", ["0A1B", "a1b", "0x0a", "", " 0a", "00" * 21, "zz"])
async def test_what_is_no_serial_number_is_refused(world: World, serial: str) -> None:
    await agree(world)
    before = world.state

    answer = await world.call("POST", f"{AGREEMENT}/certificates/{serial}/revoke")

    assert answer.status in {404, 422}
    assert world.state == before


async def test_setting_an_agreement_by_hand_forgets_nothing_that_was_revoked(world: World) -> None:
    await agree(world)
    key = await add_node(world)
    await world.call("POST", f"{API}/nodes/{key}/revoke")
    await world.call("POST", f"{AGREEMENT}/certificates/{SERIAL}/revoke")
    before = await agreement_of(world)

    await world.call("PUT", AGREEMENT, {"state": "trusted", "reason": "by hand"})
    kept = await agreement_of(world)
    await world.call("PUT", AGREEMENT, {"state": "revoked"})
    closed = await agreement_of(world)

    assert kept == replace(before, reason="by hand")
    assert closed.revoked_serials == before.revoked_serials
    assert (closed.epoch, closed.cut and closed.cut.what) == (3, "organisation")


async def test_pausing_and_revoking_cut_and_resuming_does_not(world: World) -> None:
    await agree(world)

    numbers = []
    for verb in ("pause", "resume", "revoke"):
        await world.call("POST", f"{AGREEMENT}/{verb}")
        numbers.append((await agreement_of(world)).epoch)

    assert numbers == [1, 1, 2]


async def test_an_agreement_shows_what_each_gateway_reported_of_the_last_cut(world: World) -> None:
    await agree(world)
    assert (await world.call("GET", AGREEMENT)).document["revocation"] is None
    await world.call("POST", f"{AGREEMENT}/revoke")
    cut = (await agreement_of(world)).cut
    assert cut is not None
    await world.audit.append([report("gw-2", 1, "12.5"), report("gw-1", 1, "9.0"), report("gw-3", 0, "1.0")])

    shown = (await world.call("GET", AGREEMENT)).document["revocation"]
    listed = (await world.call("GET", f"{API}/agreements")).document["items"][0]["revocation"]

    assert (shown["what"], shown["by"]) == ("organisation", cut.by)
    assert [(gateway["id"], gateway["took_ms"]) for gateway in shown["gateways"]] == [
        ("gw-1", 9.0),
        ("gw-2", 12.5),
    ]
    assert {gateway["connections_left"] for gateway in shown["gateways"]} == {0}
    assert listed == {**shown, "gateways": None}


def report(gateway: str, number: int, took_ms: str) -> AuditEvent:
    return AuditEvent(
        event_id=f"{gateway}-{number}",
        reporter=gateway,
        row_id=f"cut:{PARTNER}:{number}:closed",
        timestamp=datetime.now(UTC),
        event_type=EventType.NODE_REVOKED,
        resource=PARTNER,
        metadata={
            "number": str(number),
            "first_push_ms": "3.0",
            "took_ms": took_ms,
            "connections_before": "2",
            "connections_left": "0",
        },
    )
