"""What every log of issued certificates does, and what the audit says of traffic."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from control_plane.model.audit import AuditEvent, EventType
from control_plane.ports.certificates import Crossing, Issued, IssuedLog
from control_plane.store.database import Database
from tests.fakes.certificates import FakeIssued
from tests.fakes.values import MOMENT

SECOND = timedelta(seconds=1)
FIRST = Issued(gateway="gw-1", serial="0a", not_before=MOMENT, not_after=MOMENT + SECOND, signer="first@1")


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
def issued(request: pytest.FixtureRequest) -> IssuedLog:
    if request.param == "fake":
        return FakeIssued()
    opened: Database = request.getfixturevalue("database")
    return opened.issued


async def test_the_last_certificate_of_each_gateway_is_known(issued: IssuedLog) -> None:
    second = replace(FIRST, gateway="gw-2")
    renewed = replace(FIRST, serial="0b", not_after=MOMENT + 2 * SECOND, signer="root-2@2")

    for one in (second, FIRST, renewed):
        await issued.note(one)

    assert await issued.all() == [renewed, second]


def request_row(number: int, direction: str, **changes: object) -> AuditEvent:
    fields: dict[str, object] = {
        "event_id": f"e{number}",
        "reporter": "gw-1",
        "row_id": str(number),
        "timestamp": MOMENT + number * SECOND,
        "event_type": EventType.CROSS_ORG_REQUEST,
        "direction": direction,
        "principal_org": "visby.example",
        "resource": "orders@riga.example",
        "decision": "allowed",
    }
    return AuditEvent(**fields | changes)  # type: ignore[arg-type]  # by name


@pytest.mark.integration
async def test_only_requests_that_passed_count_by_whom_they_were_exchanged_with(database: Database) -> None:
    await database.audit.append(
        [
            request_row(0, "ingress", principal_org="early.example"),
            request_row(1, "ingress"),
            request_row(2, "egress"),
            request_row(3, "egress", resource="x@failed.example", decision="failed"),
            request_row(4, "ingress", principal_org="denied.example", decision="denied"),
            request_row(5, "", event_type=EventType.OPERATOR_ACTION),
            request_row(6, "ingress", principal_org="late.example"),
        ]
    )

    passed = await database.traffic.passed(MOMENT + SECOND, MOMENT + 6 * SECOND)

    assert passed == {Crossing("visby.example", "ingress"), Crossing("riga.example", "egress")}
