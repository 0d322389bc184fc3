"""``proxenia audit tail``, ``export`` and ``verify-export``: what was exported proves itself, or does not."""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from control_plane.model.audit import AuditEvent
from control_plane.pki import jws
from control_plane.pki.certificate import to_pem
from tests.fakes.values import audit_event
from tests.unit.admin.world import OWN
from tests.unit.cli.conftest import Terminal
from tests.unit.peering.world import RIGA, Organisation

FORMATS = ("jsonl", "csv", "parquet")
ODD = replace(
    audit_event(5),
    status=None,
    duration_ms=None,
    bytes=None,
    principal='a "quoted",\nname \N{SNOWMAN}',
    metadata={"path": "/a,b", "detail": 'x"y'},
    decision="denied",
)
EVENTS = [*(audit_event(number, duration_ms=number / 3) for number in range(5)), ODD, audit_event(6)]


@pytest.fixture(scope="module")
def bergen() -> Organisation:
    return Organisation.new(OWN, now=datetime.now(UTC) - timedelta(minutes=5))


@pytest.fixture
def anchors(terminal: Terminal, bergen: Organisation, tmp_path: Path) -> Path:
    """The anchors of the organisation that signs what this terminal exports."""
    terminal.world.following.sign = lambda payload, typ: jws.seal(
        payload, typ, key=bergen.key, chain=bergen.chain
    )
    asyncio.run(terminal.world.audit.append(EVENTS))
    path = tmp_path / "anchors.pem"
    path.write_text(to_pem([bergen.root]), encoding="utf-8")
    return path


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("decision", ["", "denied", "failed"])
def test_an_export_proves_itself(
    terminal: Terminal, anchors: Path, tmp_path: Path, form: str, decision: str
) -> None:
    file = tmp_path / f"audit.{form}"
    filters = ["--decision", decision] if decision else []

    terminal.good("audit", "export", str(file), "--format", form, *filters)
    said = terminal.good("audit", "verify-export", str(file), "--anchors", str(anchors))

    # The export itself is in the audit, before anything is exported.
    rows = {"": 8, "denied": 1, "failed": 0}[decision]
    assert said.startswith(f"good: {rows} rows of {OWN} in {min(rows, 1)} parts")


def lines_of(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def changed(event: dict[str, object]) -> None:
    event["decision"] = "allowed"


LIES: dict[str, Callable[[list[dict[str, object]]], object]] = {
    "a changed row": lambda lines: changed(lines[7]["event"]),  # type: ignore[arg-type]  # a row's event
    "a removed row": lambda lines: lines.pop(3),
    "two rows exchanged": lambda lines: lines.insert(2, lines.pop(3)),
    "a row twice": lambda lines: lines.insert(3, lines[3]),
    "the end cut off": lambda lines: lines.pop(),
    "the head cut off": lambda lines: lines.pop(-2),
    "another organisation": lambda lines: lines[0].update(organisation=str(RIGA)),
    "something after the end": lambda lines: lines.append(lines[0]),
    "a line of no type": lambda lines: lines.insert(1, {"type": "other"}),
    "a line without a type": lambda lines: lines.insert(1, {}),
    "another number of rows": lambda lines: lines[-1].update(rows=9),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_export_that_was_changed_is_found_out(
    terminal: Terminal, anchors: Path, tmp_path: Path, lie: str
) -> None:
    file = tmp_path / "audit.jsonl"
    terminal.good("audit", "export", str(file))
    lines = lines_of(file)
    LIES[lie](lines)
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")

    result = terminal.run("audit", "verify-export", str(file), "--anchors", str(anchors))

    assert result.exit_code == 1
    assert "the export is not what was signed" in result.stderr


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_that_was_changed_is_found_out(
    terminal: Terminal, anchors: Path, tmp_path: Path, form: str
) -> None:
    file, other = tmp_path / "audit", tmp_path / "other"
    terminal.good("audit", "export", str(file), "--format", form)
    terminal.good("audit", "export", str(other), "--format", form, "--decision", "allowed")
    file.write_bytes(other.read_bytes())  # a row less, and the proof of all

    result = terminal.run("audit", "verify-export", str(file), "--anchors", str(anchors))

    assert result.exit_code == 1


def test_anchors_of_somebody_else_verify_nothing(terminal: Terminal, anchors: Path, tmp_path: Path) -> None:
    other = Organisation.new(OWN, now=datetime.now(UTC))
    anchors.write_text(to_pem([other.root]), encoding="utf-8")
    file = tmp_path / "audit.jsonl"
    terminal.good("audit", "export", str(file))

    result = terminal.run("audit", "verify-export", str(file), "--anchors", str(anchors))

    assert result.exit_code == 1
    assert "a head is not signed as it must be" in result.stderr


def test_an_export_is_itself_in_the_audit(terminal: Terminal, anchors: Path, tmp_path: Path) -> None:
    assert anchors.exists()
    terminal.good("audit", "export", str(tmp_path / "audit.jsonl"))

    assert terminal.world.audit.events[-1].action == "audit.export"


def once_followed(terminal: Terminal, late: list[AuditEvent]) -> threading.Thread:
    """Rows that come when somebody has begun to follow the log."""

    def append() -> None:
        assert terminal.world.following.asked.wait(20)
        asyncio.run(terminal.world.audit.append(late))

    thread = threading.Thread(target=append)
    thread.start()
    return thread


def test_new_rows_are_followed_as_they_come(terminal: Terminal) -> None:
    asyncio.run(terminal.world.audit.append([audit_event(1)]))
    late: list[AuditEvent] = [audit_event(2), audit_event(3)]
    appending = once_followed(terminal, late)

    lines = terminal.good("audit", "tail", "--count", "2").splitlines()

    appending.join(20)
    assert [line.split()[-1] for line in lines] == ["correlation-2", "correlation-3"]


def test_only_rows_that_were_asked_for_are_followed(terminal: Terminal) -> None:
    denied = [replace(audit_event(number), decision="denied", reporter="gw-2") for number in (2, 5)]
    late: list[AuditEvent] = [audit_event(1), denied[0], audit_event(3), audit_event(4), denied[1]]
    appending = once_followed(terminal, late)

    lines = terminal.good(
        "audit", "tail", "--count", "2", "--decision", "denied", "--node", "gw-2"
    ).splitlines()

    appending.join(20)
    assert [line.split()[-1] for line in lines] == ["correlation-2", "correlation-5"]


def test_more_rows_than_can_be_held_are_exported_as_they_are_found(
    terminal: Terminal, anchors: Path, tmp_path: Path
) -> None:
    terminal.world.following.few = 2
    file = tmp_path / "audit.csv"

    terminal.good("audit", "export", str(file), "--format", "csv", "--decision", "allowed")
    said = terminal.good("audit", "verify-export", str(file), "--anchors", str(anchors))

    assert said.startswith("good: 7 rows")
