"""Taking over batches of log lines: once each, in one step with the position, and never past a hole."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from control_plane.audit.receive import Receiver
from control_plane.model.audit import EventType
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import Checkpoint
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError, UnavailableError
from tests.fakes.audit import FakeAudit
from tests.unit.audit.lines import access, listener

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNIX = Caller(None)
FIRST, SECOND = "access.0000000000000000001.jsonl", "access.0000000000000000002.jsonl"


@pytest.fixture
def audit() -> FakeAudit:
    return FakeAudit()


@pytest.fixture
def receiver(audit: FakeAudit) -> Receiver:
    return Receiver(audit, own=TrustDomain("luebeck.example"), clock=lambda: NOW)


def rows(*numbers: int) -> bytes:
    return b"".join(access(row=f"row-{number}") + b"\n" for number in numbers)


def batch(data: bytes, *, begin: int = 0, file: object = FIRST, **changes: object) -> bytes:
    after = {"file": file, "offset": begin} if begin else None
    header = {
        "gateway": "gw-1", "stream": "access", "file": file, "from": begin, "to": begin + len(data),
        "after": after, "lost": "",
    }  # fmt: skip
    return json.dumps(header | changes).encode() + b"\n" + data


async def ship(receiver: Receiver, request: bytes, caller: Caller = UNIX) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await receiver.ship(request, caller))
    return answer


async def checkpoint(audit: FakeAudit) -> Checkpoint | None:
    return next(iter(await audit.checkpoints("gw-1")), None)


async def test_lines_and_their_position_are_stored_together(receiver: Receiver, audit: FakeAudit) -> None:
    data = rows(1, 2)

    answer = await ship(receiver, batch(data))

    assert answer == {"offset": len(data), "stored": 2, "duplicates": 0, "unreadable": 0, "skipped": 0}
    assert [event.row_id for event in audit.events] == ["row-1", "row-2"]
    assert await checkpoint(audit) == Checkpoint("gw-1", "access", FIRST, len(data))


async def test_a_batch_that_arrives_twice_is_stored_once(receiver: Receiver, audit: FakeAudit) -> None:
    data = rows(1, 2)
    await ship(receiver, batch(data))

    answer = await ship(receiver, batch(data))

    assert (answer["stored"], answer["duplicates"]) == (0, 2)
    assert len(audit.events) == 2


async def test_a_batch_that_overlaps_adds_what_is_new(receiver: Receiver, audit: FakeAudit) -> None:
    await ship(receiver, batch(rows(1, 2) + b"garbage\n"))

    answer = await ship(receiver, batch(rows(1, 2) + b"garbage\n" + rows(3)))

    assert (answer["stored"], answer["duplicates"], answer["unreadable"]) == (1, 3, 0)
    assert len([event for event in audit.events if event.event_type is EventType.GAP]) == 1


async def test_an_old_batch_does_not_move_the_position_back(receiver: Receiver, audit: FakeAudit) -> None:
    data = rows(1)
    await ship(receiver, batch(data))
    following = batch(rows(2), file=SECOND, after={"file": FIRST, "offset": len(data)})
    await ship(receiver, following)

    await ship(receiver, batch(data))

    assert await checkpoint(audit) == Checkpoint("gw-1", "access", SECOND, len(rows(2)))


async def test_a_batch_beyond_what_is_stored_is_refused_and_told_where_to_go_on(
    receiver: Receiver, audit: FakeAudit
) -> None:
    await ship(receiver, batch(rows(1)))
    stored = len(rows(1))

    with pytest.raises(InvalidValueError, match=f"continues at {FIRST}:{stored}") as refusal:
        await ship(receiver, batch(rows(3), begin=5000))

    assert refusal.value.code == "checkpoint_gap"
    assert [event.row_id for event in audit.events] == ["row-1"]


@pytest.mark.parametrize(
    "request_", [batch(rows(1), begin=700), batch(rows(1), file=SECOND, after={"file": FIRST, "offset": 3})]
)
async def test_a_first_batch_that_is_not_the_beginning_is_refused(
    receiver: Receiver, audit: FakeAudit, request_: bytes
) -> None:
    with pytest.raises(InvalidValueError, match="continues at the beginning"):
        await ship(receiver, request_)

    assert audit.events == []


async def test_a_new_file_whose_predecessor_is_not_said_to_be_complete_is_refused(receiver: Receiver) -> None:
    await ship(receiver, batch(rows(1)))

    with pytest.raises(InvalidValueError, match="checkpoint_gap"):
        await ship(receiver, batch(rows(2), file=SECOND))


async def test_garbage_is_a_gap_and_not_silence(receiver: Receiver, audit: FakeAudit) -> None:
    data = rows(1) + b"\x00\xff{garbage\n" + rows(2)

    answer = await ship(receiver, batch(data))

    gap = next(event for event in audit.events if event.event_type is EventType.GAP)
    assert (answer["stored"], answer["unreadable"]) == (3, 1)
    assert gap.row_id == f"unreadable:{FIRST}:{len(rows(1))}"
    assert (gap.reporter, gap.timestamp) == ("gw-1", NOW)
    assert "garbage" not in repr(gap)


async def test_what_a_gateway_cannot_send_any_more_is_a_gap(receiver: Receiver, audit: FakeAudit) -> None:
    lost = batch(b"", file=SECOND, lost="access.1 is gone\x1b", after=None)

    answer = await ship(receiver, lost)
    again = await ship(receiver, lost)

    assert (answer["stored"], again["stored"]) == (1, 0)
    assert audit.events[0].metadata["detail"] == "access.1 is gone\\x1b"
    assert await checkpoint(audit) == Checkpoint("gw-1", "access", SECOND, 0)


async def test_lines_that_record_nothing_are_counted(receiver: Receiver) -> None:
    data = listener(failure=None) + b"\n" + listener() + b"\n"

    answer = await ship(receiver, batch(data, stream="listener"))

    assert (answer["stored"], answer["skipped"]) == (1, 1)


async def test_the_reporter_is_who_the_certificate_says(receiver: Receiver, audit: FakeAudit) -> None:
    own = Caller(SpiffeId("spiffe://luebeck.example/gateway/gw-1"))
    await ship(receiver, batch(rows(1)), own)

    for name in (
        "luebeck.example/gateway/gw-2",
        "bremen.example/gateway/gw-1",
        "luebeck.example/control-plane",
    ):
        with pytest.raises(ForbiddenError, match="expected the certificate of"):
            await ship(receiver, batch(rows(1, 2)), Caller(SpiffeId(f"spiffe://{name}")))

    assert [event.reporter for event in audit.events] == ["gw-1"]


async def test_nothing_is_stored_while_the_database_is_away(receiver: Receiver, audit: FakeAudit) -> None:
    audit.down = True
    with pytest.raises(UnavailableError):
        await ship(receiver, batch(rows(1)))

    audit.down = False
    answer = await ship(receiver, batch(rows(1)))

    assert answer["stored"] == 1


async def test_the_same_batch_at_the_same_time_is_stored_once(receiver: Receiver, audit: FakeAudit) -> None:
    data = rows(*range(500)) + b"garbage\n"

    answers = await asyncio.gather(*(ship(receiver, batch(data)) for _ in range(4)))

    assert sorted(answer["stored"] for answer in answers) == [0, 0, 0, 501]
    assert len(audit.events) == 501


GOOD = rows(1)


@pytest.mark.parametrize(
    "request_",
    [
        b"", b"\n", b"{}", b"{}\n", b"[]\n", b"x" * 10_000, b"\xff\n", b"[" * 4000 + b"\n",
        batch(GOOD, gateway="../x"), batch(GOOD, gateway=None), batch(GOOD, gateway="x" * 200),
        batch(GOOD, stream="other"), batch(GOOD, stream=None),
        batch(GOOD, file="../../etc/passwd"), batch(GOOD, file=""), batch(GOOD, file=3),
        batch(GOOD, to=3), batch(GOOD, to=-1), batch(GOOD, to=True), batch(GOOD, to="9"),
        batch(GOOD, to=2**60),
        batch(GOOD, begin=4, after=None), batch(GOOD, after=7), batch(GOOD, after={"file": FIRST}),
        batch(GOOD, after={"file": SECOND, "offset": 0}),
        batch(GOOD, lost="both lines and a reason"), batch(GOOD, lost=1), batch(b""), batch(b"no end"),
        batch(b"\n" * 10_001), batch(b"x" * (2 << 20) + b"\n"),
    ],
)  # fmt: skip
async def test_a_bad_request_is_refused_and_changes_nothing(
    receiver: Receiver, audit: FakeAudit, request_: bytes
) -> None:
    with pytest.raises(InvalidValueError):
        await receiver.ship(request_, UNIX)

    assert audit.events == []
    assert await checkpoint(audit) is None
