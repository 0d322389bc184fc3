"""A real log is followed in its order, and exported with a proof that an altered row breaks."""

import json
from typing import Any

import pytest

from control_plane.admin.audit_export import document_of
from control_plane.chain.export_check import ExportCheck
from control_plane.cli.export_proof import checked
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import to_pem
from control_plane.ports.audit import AuditQuery
from control_plane.store.audit_following import PostgresFollowing
from control_plane.store.pool import Pool
from tests.integration.audit.ledger import Ledger, event, now

pytestmark = pytest.mark.integration


async def exported(ledger: Ledger, query: AuditQuery, *, gap: int = 50_000) -> list[dict[str, Any]]:
    """The lines of an export, as they would be read from a file."""
    async with Pool(ledger.url) as pool:
        following = PostgresFollowing(pool, gap=gap)
        numbers = await following.matching(query)
        lines = [document_of(one) async for one in following.export(numbers)]
    about = {"type": "export", "organisation": str(ledger.organisation.name)}
    whole = [about, *lines, {"type": "end", "rows": len(numbers)}]
    return [json.loads(json.dumps(line)) for line in whole]


def check(ledger: Ledger, lines: list[dict[str, Any]]) -> ExportCheck:
    return checked(lines, to_pem([ledger.organisation.root]), now=now())


async def test_rows_are_followed_in_the_order_of_the_log(ledger: Ledger) -> None:
    following = ledger.database.following
    await ledger.fill(3, 4)
    await ledger.fill(2, seal=False, first=8)

    end = await following.end()
    first = await following.follow(0, limit=5)
    second = await following.follow(first.next, limit=5)
    third = await following.follow(second.next, limit=5)

    assert end == 7
    rows = [*first.rows, *second.rows]
    assert [row.number for row in rows] == list(range(7))
    assert {row.event.correlation_id for row in rows} == {f"correlation-{number}" for number in range(1, 8)}
    assert (third.rows, third.next) == ((), 7)


async def test_everything_is_exported_and_proves_itself(ledger: Ledger) -> None:
    await ledger.fill(5, 70, 1, 130)

    found = check(ledger, await exported(ledger, AuditQuery()))

    assert (found.rows, len(found.heads)) == (206, 1)


async def test_a_few_rows_are_proven_in_parts_or_in_one(ledger: Ledger) -> None:
    await ledger.fill(40, 40, 40, 40)
    query = AuditQuery(correlation_id="correlation-3")
    far = [event(1003), event(1004)]
    await ledger.database.audit.append(far)
    await ledger.seal()

    one = check(ledger, await exported(ledger, query))
    lines = await exported(ledger, AuditQuery(until=event(5).timestamp), gap=10)
    several = check(ledger, lines)

    assert (one.rows, len(one.heads)) == (1, 1)
    assert several.rows == 4
    assert len(lines) < 30
    assert check(ledger, await exported(ledger, AuditQuery(correlation_id="none"))).rows == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET decision = 'denied' WHERE correlation_id = 'correlation-7'",
        "UPDATE audit_events SET metadata = '{}' WHERE correlation_id = 'correlation-7'",
        "UPDATE audit_events SET status = 201 WHERE correlation_id = 'correlation-7'",
    ],
)
async def test_a_row_that_was_altered_in_the_database_does_not_prove_itself(
    ledger: Ledger, statement: str
) -> None:
    await ledger.fill(20)
    await ledger.tamper(statement)

    lines = await exported(ledger, AuditQuery(resource="orders@home.example"))

    with pytest.raises(InvalidValueError, match="removed or added"):
        check(ledger, lines)


async def test_that_a_row_is_missing_is_seen(ledger: Ledger) -> None:
    await ledger.fill(20)
    whole = check(ledger, await exported(ledger, AuditQuery()))
    await ledger.tamper("DELETE FROM audit_events WHERE correlation_id = 'correlation-7'")

    rest = check(ledger, await exported(ledger, AuditQuery()))

    assert (whole.rows, whole.left_out) == (20, 0)
    assert (rest.rows, rest.left_out) == (19, 1)
