"""``proxenia audit reconcile`` and ``reconciliations``."""

from datetime import UTC, datetime

from control_plane.cli.reconciliation import so_far
from control_plane.model.reconciliation import Difference, Outcome
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
