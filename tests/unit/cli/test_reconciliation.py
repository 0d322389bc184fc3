"""``proxenia audit reconcile`` and ``reconciliations``."""

from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic

import pytest

from control_plane.cli import reconciliation
from control_plane.cli.options import Place
from control_plane.cli.reconciliation import so_far, tell
from control_plane.model.reconciliation import Difference, Interval, Outcome
from control_plane.ports.reconciliation import Running, Stage
from tests.unit.admin.world import PARTNER
from tests.unit.cli.conftest import Terminal

WHEN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_audits_that_agree_are_a_line_and_exit_status_0(terminal: Terminal) -> None:
    text = terminal.good("audit", "reconcile", PARTNER, "--from", "2h", "--to", "1h")

    assert text.splitlines()[0].startswith(f"agree: {PARTNER}, ")
    assert "matched 7, only ours 0" in text


def test_what_differs_is_named_and_exit_status_1(terminal: Terminal) -> None:
    terminal.world.reconciling.finds = (
        Difference(
            correlation_id="c-1",
            outcome=Outcome.DIFFERING,
            timestamp=WHEN,
            fields=("path",),
            ours={"path": "/a", "method": "GET"},
            theirs={"path": "/b", "method": "GET"},
        ),
        Difference(correlation_id="c-2", outcome=Outcome.ONLY_OURS, timestamp=WHEN, ours={"path": "/c"}),
    )

    result = terminal.run("audit", "reconcile", PARTNER)

    assert result.exit_code == 1
    differing, missing = result.stdout.splitlines()[-2:]
    assert differing.split()[2:] == ["c-1", "path", "path=/a", "path=/b"]
    assert missing.split()[2:] == ["c-2", "-", "path=/c", "-"]


def test_reports_are_listed_and_shown(terminal: Terminal) -> None:
    terminal.good("audit", "reconcile", PARTNER)

    listed = terminal.good("audit", "reconciliations", PARTNER).splitlines()
    one = terminal.good("audit", "reconciliations", "--id", "report-1")

    assert listed[1].split()[-1] == "report-1"
    assert one.startswith(f"agree: {PARTNER}")


def test_how_far_it_is_is_one_line() -> None:
    facts = {"share": 0.424, "ours": 25_000, "theirs": 20_000, "named": 32, "to_name": 40}

    assert so_far({"stage": "reading", **facts}) == "reading: 42%, 25,000 rows of ours, 20,000 of theirs"
    assert so_far({"stage": "naming", **facts}) == "looking up what differs: 32 of 40"


def test_how_far_it_is_is_told_while_it_goes_on_and_wiped_in_the_end(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reconciliation, "_LOOK", 0.01)
    run = Running(
        organisation=PARTNER,
        interval=Interval(WHEN, WHEN.replace(hour=13)),
        actor="ada",
        started_at=WHEN,
        stage=Stage.READING,
        share=0.25,
        ours=7,
        theirs=5,
        named=0,
        to_name=0,
    )
    terminal.world.reconciling.runs = (run,)
    done, said, until = Event(), "", monotonic() + 10
    teller = Thread(target=tell, args=(Place(None, terminal.socket, ""), PARTNER, done))

    teller.start()
    while "25%" not in said and monotonic() < until:
        said += capsys.readouterr().err
    done.set()
    teller.join()

    line = "reading: 25%, 7 rows of ours, 5 of theirs"
    assert f"\r{line}" in said
    assert capsys.readouterr().err.endswith(f"\r{' ' * len(line)}\r")
