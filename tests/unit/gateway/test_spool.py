"""What happens when logs cannot be shipped: the limit, the operator's choice, and that nothing is silent."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from control_plane.audit.events import Source, parse
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.spool import Spool
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain

SOURCE = Source("gw-1", TrustDomain("luebeck.example"), "access.1.jsonl")
LINE = b"x" * 99 + b"\n"


@dataclass
class Envoy:
    """Whether it was told to stop or to go on."""

    told: list[str] = field(default_factory=list)

    async def hold(self) -> None:
        self.told.append("hold")

    def release(self) -> None:
        self.told.append("release")


class Failing(EnvoyAdmin):
    """An admin interface that knows one counter."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failed = 0

    async def read(self, path: str) -> str:
        assert "write_failed" in path
        return f"filesystem.write_failed: {self.failed}\n"


def logs_of(directory: Path, *, files: int = 3, lines: int = 10) -> LogFiles:
    logs = LogFiles(directory, "access")
    for number in range(1, files + 1):
        logs.begin(number)
        (directory / (logs.current() or "")).write_bytes(LINE * lines)
    return logs


def spool(directory: Path, envoy: Envoy, *, limit: int, policy: str) -> Spool:
    return Spool(
        logs=[LogFiles(directory, "access")],
        envoy=envoy,
        admin=Failing(directory / "admin.sock"),
        limit=limit,
        policy=policy,
    )


def said(logs: LogFiles) -> list[AuditEvent]:
    """The events that the audit makes of what stands in the log beside Envoy's own lines."""
    lines = [
        line
        for name in logs.names()
        for line in (logs.directory / name).read_bytes().splitlines()
        if line.startswith(b"{")
    ]
    events = [parse("access", line, source=SOURCE, offset=0) for line in lines]
    assert all(isinstance(event, AuditEvent) for event in events)
    return [event for event in events if isinstance(event, AuditEvent)]


async def test_below_the_limit_nothing_happens(tmp_path: Path) -> None:
    logs, envoy = logs_of(tmp_path), Envoy()

    await spool(tmp_path, envoy, limit=3000, policy="gap").look()

    assert (len(logs.names()), envoy.told, said(logs)) == (3, [], [])


async def test_with_gap_the_oldest_files_go_and_an_event_says_how_many_lines_that_were(
    tmp_path: Path,
) -> None:
    logs, envoy = logs_of(tmp_path), Envoy()
    oldest = logs.names()[0]

    await spool(tmp_path, envoy, limit=2500, policy="gap").look()

    (event,) = said(logs)
    assert oldest not in logs.names()
    assert len(logs.names()) == 2
    assert envoy.told == []
    assert (event.event_type, event.reason) == (EventType.GAP, "spool_full")
    assert event.metadata == {"stream": "access", "file": oldest, "lines": "10", "bytes": "1000"}


async def test_a_gap_that_is_dropped_before_it_was_shipped_is_counted_by_the_next(tmp_path: Path) -> None:
    logs = logs_of(tmp_path)
    watched = spool(tmp_path, Envoy(), limit=2500, policy="gap")
    admin = watched.admin
    assert isinstance(admin, Failing)

    for number in range(4, 10):  # always three files, of ten lines each and ours
        await watched.look()
        admin.failed = 7 if number == 4 else 8
        logs.begin(number)
        (tmp_path / (logs.current() or "")).write_bytes(LINE * 10)
    await watched.look()

    lost = [event for event in said(logs) if event.reason == "spool_full"]
    kept = b"".join((tmp_path / name).read_bytes() for name in logs.names()).splitlines()
    assert sum(int(event.metadata["lines"]) for event in lost) == 9 * 10 - kept.count(LINE[:-1])
    others = [event for event in said(logs) if event.reason == "log_not_written"]
    assert sorted(event.metadata["writes"] for event in others) == ["1", "7"]


async def test_a_gap_that_a_full_disk_had_cut_is_a_line_like_others(tmp_path: Path) -> None:
    logs = logs_of(tmp_path)
    (tmp_path / logs.names()[0]).write_bytes(LINE * 9 + b'{"row": "r", "gap": "spool_full", "facts": {}\n')

    await spool(tmp_path, Envoy(), limit=2500, policy="gap").look()

    (event,) = said(logs)
    assert event.metadata["lines"] == "10"


async def test_with_block_traffic_stops_until_half_is_shipped_and_no_line_is_lost(tmp_path: Path) -> None:
    logs, envoy = logs_of(tmp_path), Envoy()
    watched = spool(tmp_path, envoy, limit=2500, policy="block")

    await watched.look()
    await watched.look()
    held = list(envoy.told)
    for name in logs.names()[:-1]:  # shipped
        (tmp_path / name).unlink()
    (tmp_path / logs.names()[-1]).write_bytes(LINE)
    await watched.look()

    assert held == ["hold"]
    assert envoy.told == ["hold", "release"]
    assert [event.reason for event in said(logs)] == ["traffic_blocked_until_now"]


async def test_that_traffic_is_blocked_is_said_in_the_log_itself(tmp_path: Path) -> None:
    logs = logs_of(tmp_path)

    await spool(tmp_path, Envoy(), limit=2500, policy="block").look()

    (event,) = said(logs)
    assert (event.reason, event.metadata) == ("traffic_blocked", {"bytes": "3000", "limit": "2500"})
    assert len(logs.names()) == 3


async def test_lines_that_envoy_could_not_write_are_a_gap_with_their_number(tmp_path: Path) -> None:
    logs = logs_of(tmp_path)
    watched = spool(tmp_path, Envoy(), limit=1 << 20, policy="gap")
    admin = watched.admin
    assert isinstance(admin, Failing)

    for failed in (0, 3, 3, 5, 1):  # the last: another process, which counts anew
        admin.failed = failed
        await watched.look()

    assert [(event.reason, event.metadata["writes"]) for event in said(logs)] == [
        ("log_not_written", "3"),
        ("log_not_written", "2"),
        ("log_not_written", "1"),
    ]


async def test_what_cannot_be_written_now_is_said_later(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path, "access")
    watched = spool(tmp_path, Envoy(), limit=1 << 20, policy="gap")
    admin = watched.admin
    assert isinstance(admin, Failing)
    admin.failed = 7

    await watched.look()
    logs.begin(1)
    await watched.look()

    assert [event.metadata for event in said(logs)] == [{"writes": "7"}]


def test_a_request_cannot_pretend_to_be_a_gap() -> None:
    line = json.dumps({"ts": "2026-03-01T12:00:00Z", "row": "r-1", "dir": "egress", "path": '/","gap":"x'})

    event = parse("access", line.encode(), source=SOURCE, offset=0)

    assert isinstance(event, AuditEvent)
    assert event.event_type is not EventType.GAP
