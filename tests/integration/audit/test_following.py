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


async def exported(
    ledger: Ledger, query: AuditQuery, *, gap: int = 50_000, few: int = 1000
) -> list[dict[str, Any]]:
    """The lines of an export, as they would be read from a file."""
    async with Pool(ledger.url) as pool:
        following = PostgresFollowing(pool, gap=gap, few=few, window=50)
        numbers = await following.matching(query)
        found = following.walk(query) if numbers is None else following.export(numbers)
        lines = [document_of(one) async for one in found]
    about = {"type": "export", "organisation": str(ledger.organisation.name)}
    rows = sum(line["type"] == "row" for line in lines)
    whole = [about, *lines, {"type": "end", "rows": rows}]
    return [json.loads(json.dumps(line)) for line in whole]


def check(ledger: Ledger, lines: list[dict[str, Any]]) -> ExportCheck:
    return checked(lines, to_pem([ledger.organisation.root]), now=now())


async def test_rows_are_followed_in_the_order_of_the_log(ledger: Ledger) -> None:
    following = ledger.database.following
    await ledger.fill(3, 4)
    await ledger.fill(2, seal=False, first=8)

    end = await following.end()
    first = await following.follow(0, query=AuditQuery(limit=5))
    second = await following.follow(first.next, query=AuditQuery(limit=5))
    third = await following.follow(second.next, query=AuditQuery(limit=5))

    assert end == 7
    rows = [*first.rows, *second.rows]
    assert [row.number for row in rows] == list(range(7))
    assert {row.event.correlation_id for row in rows} == {f"correlation-{number}" for number in range(1, 8)}
    assert (third.rows, third.next) == ((), 7)


async def test_only_rows_that_match_are_followed_and_others_are_passed_over_once(ledger: Ledger) -> None:
    following = ledger.database.following
    await ledger.fill(3, 40)
    of_node = AuditQuery(node=event(1).reporter, principal=event(7).principal, limit=1)

    one = await following.follow(0, query=AuditQuery(correlation_id="correlation-30", limit=1))
    none = await following.follow(0, query=AuditQuery(decision="denied"))
    at_node = await following.follow(2, query=of_node)

    assert [row.event.correlation_id for row in one.rows] == ["correlation-30"]
    assert one.next == one.rows[0].number + 1
    assert (none.rows, none.next) == ((), 43)
    assert (len(at_node.rows), at_node.next) == (1, 3)


@pytest.mark.parametrize("cut", [False, True], ids=["all", "those before a time"])
async def test_rows_that_are_too_many_to_be_held_are_exported_the_same(ledger: Ledger, *, cut: bool) -> None:
    query = AuditQuery(until=event(150).timestamp) if cut else AuditQuery()
    await ledger.fill(5, 70, 1, 130)

    walked = await exported(ledger, query, few=20)
    found = await exported(ledger, query)

    assert [line["number"] for line in walked if line["type"] == "row"] == [
        line["number"] for line in found if line["type"] == "row"
    ]
    assert check(ledger, walked).rows == check(ledger, found).rows > 20


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
