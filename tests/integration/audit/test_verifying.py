"""Verification a piece at a time: cursors, heads that partners have, and parts of the log by time."""

from datetime import timedelta

import pytest

from control_plane.audit.verify import Verification
from control_plane.audit.verifying import Verifier
from control_plane.model.problem import InvalidValueError
from control_plane.ports.verification import Scope, Verified
from tests.integration.audit.ledger import Ledger, now
from tests.integration.audit.tampering import Attack
from tests.unit.peering.world import LUEBECK

pytestmark = pytest.mark.integration
SIZES = (3, 1, 4, 2)


def verifier(ledger: Ledger, *witnessed: bytes) -> Verifier:
    """One that reads a batch or two at a time."""

    def make() -> Verification:
        return Verification(own=LUEBECK, reader=ledger.database.audit_reader, judge=ledger.judge, rows=2)

    async def heads() -> list[bytes]:
        return list(witnessed)

    return Verifier(make, heads)


async def every(made: Verifier, scope: Scope | None = None) -> list[Verified]:
    """All answers, one after the other."""
    answers = [await made.verify(scope or Scope(), within=0)]
    while answers[-1].next is not None:
        answers.append(await made.verify(Scope(after=answers[-1].next), within=0))
    return answers


async def test_pieces_follow_one_another_to_the_end(ledger: Ledger) -> None:
    await ledger.fill(*SIZES)

    answers = await every(verifier(ledger))

    assert len(answers) > 2
    assert [answer.first for answer in answers[1:]] == [answer.verified for answer in answers[:-1]]
    assert (answers[0].first, answers[-1].verified, answers[-1].total) == (0, 10, 10)
    assert all(answer.bad is None for answer in answers)


@pytest.mark.parametrize("number", range(10))
async def test_a_bad_row_is_found_in_its_piece(ledger: Ledger, number: int) -> None:
    await ledger.fill(*SIZES)
    attack = await Attack.begin(ledger)
    await attack.change("audit_events", "reason", number)
    await attack.connection.close()

    answers = await every(verifier(ledger))

    found = answers[-1].bad
    assert found is not None
    assert (found.code, found.row) == ("row_altered", number)
    assert all(answer.bad is None for answer in answers[:-1])


@pytest.mark.parametrize(
    "after", ["x", "3", "3.0123456789abcdef", "99.0123456789abcdef", "-1.0123456789abcdef"]
)
async def test_a_cursor_that_is_none_of_this_log_is_refused(ledger: Ledger, after: str) -> None:
    await ledger.fill(*SIZES)

    with pytest.raises(InvalidValueError, match="expected the next of an answer"):
        await verifier(ledger).verify(Scope(after=after), within=0)


async def test_a_head_that_a_partner_witnessed_is_compared(ledger: Ledger) -> None:
    await ledger.fill(*SIZES)
    head = (await ledger.database.audit_log.tail()).head
    assert head is not None

    answers = await every(verifier(ledger, head.signed))

    assert (answers[0].compared, answers[-1].bad) == (1, None)


async def test_a_witnessed_head_that_was_tampered_with_is_told(ledger: Ledger) -> None:
    await ledger.fill(*SIZES)
    head = (await ledger.database.audit_log.tail()).head
    assert head is not None

    answers = await every(verifier(ledger, head.signed[:-4] + b"AAAA"))

    assert answers[-1].bad is not None
    assert answers[-1].bad.code == "head_altered"


async def test_a_part_by_time_begins_with_its_day_and_ends_when_it_should(ledger: Ledger) -> None:
    await ledger.fill(3)
    await ledger.database.audit.append([])
    yesterday = now() - timedelta(days=1)

    everything = await every(verifier(ledger), Scope(since=yesterday))
    nothing_more = await every(verifier(ledger), Scope(until=now() - timedelta(days=2)))

    assert (everything[0].first, everything[-1].verified, everything[-1].bad) == (0, 3, None)
    assert nothing_more[-1].bad is None
