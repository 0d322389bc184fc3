"""Settings with which the breaker would be for nothing are named; the ones we ship are not."""

import pytest

from control_plane.model.breaker import lint
from control_plane.model.tuning import Tuning


def test_the_settings_that_are_shipped_let_circuits_work() -> None:
    assert lint(Tuning()) == ()


@pytest.mark.parametrize(
    ("setting", "tuning"),
    [
        ("circuit_failures", Tuning(circuit_failures=500)),
        ("max_requests", Tuning(max_requests=5)),
        ("circuit_open", Tuning(circuit_open=1, circuit_interval=5)),
        ("request_timeout", Tuning(request_timeout=900)),
        ("retry_budget_percent", Tuning(retry_budget_percent=0, retry_concurrency=1)),
        ("retries", Tuning(retries=5)),
    ],
)
def test_each_setting_without_effect_is_named(setting: str, tuning: Tuning) -> None:
    (problem,) = lint(tuning)

    assert problem.subject == f"setting {setting}"
    assert problem.code == "circuit_without_effect"
    assert problem.hint
