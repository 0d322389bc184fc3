"""``proxenia audit list`` by every filter, and ``statistics``."""

import asyncio
from datetime import UTC, datetime

from tests.fakes.values import audit_event
from tests.unit.cli.conftest import Terminal


def test_events_are_listed_by_organisation_capability_and_node(terminal: Terminal) -> None:
    events = [
        audit_event(1, capability="search"),
        audit_event(2, reporter="gw-2", principal_org="riga.example"),
    ]
    asyncio.run(terminal.world.audit.append(events))

    for option, value in (("organisation", "luebeck.example"), ("capability", "search"), ("node", "gw-1")):
        lines = terminal.good("audit", "list", f"--{option}", value).splitlines()
        assert [line.split()[-1] for line in lines[1:]] == ["correlation-1"]


def test_the_last_day_is_counted(terminal: Terminal) -> None:
    now = datetime.now(UTC)
    asyncio.run(terminal.world.audit.append([audit_event(1, timestamp=now), audit_event(2)]))

    lines = [line.split() for line in terminal.good("audit", "statistics").splitlines()]

    assert ["requests", "1"] in lines
    assert ["p99", "ms", "1.5"] in lines
    assert ["luebeck.example", "1", "0", "0"] in lines
