"""What the audit gets of refusals: each, or how many there were."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from control_plane.model.audit import EventType
from control_plane.observe import origin
from control_plane.peering.record import MAX_KEYS, Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.ports.errors import UnavailableError
from tests.fakes.audit import FakeAudit
from tests.unit.peering.world import LUEBECK, NOW


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


async def refuse(
    recorder: Recorder, *, code: str = "crossed", organisation: str = "visby.example", peer: str = "192.0.2.1"
) -> None:
    with suppress(RefusedError):
        async with recorder.refusals("peering.join", peer) as note:
            note.organisation = organisation
            raise RefusedError(code, "expected this, got that")


async def test_a_refusal_goes_on_to_who_asked() -> None:
    recorder = Recorder(FakeAudit(), own=LUEBECK, now=Clock())
    error = RefusedError("crossed", "expected this, got that")
    block = recorder.refusals("peering.join", "192.0.2.1")
    await block.__aenter__()

    swallowed = await block.__aexit__(RefusedError, error, None)

    assert not swallowed


async def test_a_refusal_is_written_with_its_code_and_its_reason() -> None:
    audit = FakeAudit()
    recorder = Recorder(audit, own=LUEBECK, now=Clock())

    await refuse(recorder)

    (event,) = audit.events
    assert event.event_type is EventType.HANDSHAKE_FAILED
    assert (event.action, event.decision, event.reason) == ("peering.join", "denied", "crossed")
    assert (event.principal, event.principal_org) == ("192.0.2.1", "visby.example")
    assert event.metadata == {"detail": "expected this, got that"}
    assert event.reporter == "control-plane"


async def test_equal_refusals_are_counted_and_none_is_lost() -> None:
    audit, clock = FakeAudit(), Clock()
    recorder = Recorder(audit, own=LUEBECK, now=clock)

    for _ in range(5):
        await refuse(recorder)
    await refuse(recorder, code="reflected")
    clock.now += timedelta(seconds=60)
    await recorder.settle()
    await refuse(recorder)

    written = [(event.reason, event.metadata.get("repeated", "1")) for event in audit.events]
    assert written == [("crossed", "1"), ("reflected", "1"), ("crossed", "4"), ("crossed", "1")]


async def test_ten_thousand_different_strangers_do_not_fill_the_audit() -> None:
    audit, clock = FakeAudit(), Clock()
    recorder = Recorder(audit, own=LUEBECK, now=clock)

    for number in range(3 * MAX_KEYS):
        await refuse(recorder, peer=f"peer {number}")
    clock.now += timedelta(seconds=60)
    await recorder.settle()

    assert len(audit.events) == MAX_KEYS + 2
    assert audit.events[-1].metadata == {"repeated": str(2 * MAX_KEYS - 1)}
    assert audit.events[-1].principal == ""


async def test_a_refusal_stays_one_when_the_audit_is_away() -> None:
    audit = FakeAudit()
    audit.down = True
    recorder = Recorder(audit, own=LUEBECK, now=Clock())

    await refuse(recorder)

    assert audit.events == []


async def test_a_deed_that_cannot_be_written_is_not_done() -> None:
    audit = FakeAudit()
    audit.down = True

    with pytest.raises(UnavailableError):
        await Recorder(audit, own=LUEBECK, now=Clock()).done(Note("peering.invite", "op", "visby.example"))


async def test_what_an_operator_does_says_from_where_and_what_a_peer_does_does_not() -> None:
    audit = FakeAudit()
    recorder = Recorder(audit, own=LUEBECK, now=Clock())

    async def asked() -> None:
        origin.begin("unix, user 7", "request-1")
        await recorder.done(Note("peering.invite", "user:anna", "visby.example", {"invitation": "i"}))
        await refuse(recorder)

    await asyncio.create_task(asked())
    await recorder.done(Note("audit.reconcile", "schedule", "visby.example"))

    invited, refused, scheduled = audit.events
    assert invited.metadata == {"from": "unix, user 7", "invitation": "i"}
    assert (invited.principal, invited.correlation_id) == ("user:anna", "request-1")
    assert "from" not in refused.metadata | scheduled.metadata
    assert refused.correlation_id == scheduled.correlation_id == ""
