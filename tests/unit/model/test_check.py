"""A report is as bad as its worst finding, of either side, and its first line names the cause."""

from control_plane.model.check import CheckFinding, Level, Said, group_of, report_of, worst

FINE = CheckFinding("a", Level.OK, "fine")
BAD = CheckFinding("b", Level.PROBLEM, "bad", "broken")
MEH = CheckFinding("c", Level.WARNING, "so so", "ends")


def test_what_was_not_looked_at_is_not_counted() -> None:
    assert worst([Level.SKIPPED, Level.OK]) is Level.OK
    assert worst([Level.SKIPPED, Level.SKIPPED]) is Level.SKIPPED
    assert worst([]) is Level.OK
    assert report_of([group_of("x", [CheckFinding("s", Level.SKIPPED, "")])]).verdict is Level.OK


def test_the_worst_is_named_first() -> None:
    report = report_of([group_of("one", [MEH, FINE]), group_of("two", [BAD])])

    assert report.verdict is Level.PROBLEM
    assert report.summary == "two: b: broken; one: c: ends"


def test_what_a_partner_says_counts_as_much() -> None:
    told = CheckFinding("p", Level.OK, "fine", theirs=Said(Level.PROBLEM, "they see nothing", "node_offline"))

    report = report_of([group_of("partners", [told])])

    assert report.verdict is Level.PROBLEM
    assert report.summary == "partners: p: they say node_offline"


def test_a_long_list_is_cut() -> None:
    assert report_of([group_of("x", [BAD] * 5)]).summary.endswith("and 2 more")
