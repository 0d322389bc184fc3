"""The benchmarks' report: what it prints, and when it holds."""

import io
import json
import math

import pytest

from bench.report import Report, percentile, ratio


def made() -> tuple[Report, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Report("sample", out=out, err=err), out, err


def test_the_last_line_lists_every_figure_and_the_verdict() -> None:
    report, out, _ = made()

    report.figure("load", 3.0, unit="s", at_most=15)
    report.figure("rate", 900.0, unit="1/s")
    status = report.finish()

    final = json.loads(out.getvalue().splitlines()[-1])
    assert status == 0
    assert final == {
        "bench": "sample",
        "figures": [
            {"name": "load", "value": 3.0, "unit": "s", "bound": "<= 15", "holds": True},
            {"name": "rate", "value": 900.0, "unit": "1/s", "bound": None, "holds": True},
        ],
        "holds": True,
    }


@pytest.mark.parametrize(
    ("value", "at_most", "at_least"),
    [
        (1.6, 1.5, None),
        (0.8, None, 0.9),
        (math.nan, 1.5, None),
        (math.inf, None, 1.0),
        (math.nan, None, None),
    ],
)
def test_one_figure_outside_its_bound_fails_the_whole_report(
    value: float, at_most: float | None, at_least: float | None
) -> None:
    report, out, _ = made()

    report.figure("good", 1.0, unit="ratio", at_most=2)
    report.figure("bad", value, unit="ratio", at_most=at_most, at_least=at_least)

    assert report.finish() == 1
    assert json.loads(out.getvalue().splitlines()[-1])["holds"] is False


def test_a_report_without_figures_does_not_hold() -> None:
    report, _, _ = made()

    assert report.finish() == 1


def test_standard_output_carries_nothing_but_json_lines() -> None:
    report, out, err = made()

    report.progress("loading")
    report.line(nodes=10)
    report.figure("load", 3.0, unit="s")
    report.finish()

    assert [json.loads(line)["bench"] for line in out.getvalue().splitlines()] == ["sample"] * 3
    assert "sample: loading" in err.getvalue()


def test_two_bounds_for_one_figure_are_refused() -> None:
    report, _, _ = made()

    with pytest.raises(ValueError, match="one bound"):
        report.figure("load", 1.0, unit="s", at_most=1, at_least=1)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]

    assert percentile(values, 0.5) == 3.0
    assert percentile(values, 0.99) == 5.0
    assert percentile(values, 0) == 1.0


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.1), ([1.0], -0.1)])
def test_a_percentile_of_nothing_is_an_error(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile(values, share)


def test_a_ratio_to_nothing_holds_no_bound() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(1.0, 0.0) == math.inf
