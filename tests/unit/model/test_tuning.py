"""The settings of the generated configuration."""

from dataclasses import fields

import pytest
from pydantic import TypeAdapter, ValidationError

from control_plane.model import tuning
from control_plane.model.problem import InvalidValueError
from control_plane.model.tuning import Tuning


def test_the_defaults_are_valid_and_every_number_has_limits() -> None:
    numbers = {field.name for field in fields(Tuning) if field.type in {int, float}}

    assert Tuning() == Tuning()
    assert tuning._NUMBERS.keys() == numbers  # noqa: SLF001 - a number without limits would go unnoticed


@pytest.mark.parametrize(
    "setting",
    [
        {"circuit_failures": 0},
        {"connect_timeout": 0},
        {"connect_timeout": float("nan")},
        {"request_timeout": float("inf")},
        {"retries": 11},
        {"retry_budget_percent": 101},
        {"circuit_open": 400.0},
        {"access_log": "/etc/passwd"},
        {"access_log": "../audit.jsonl"},
        {"access_log": "audit.jsonl"},
        {"listener_log": "log/a\nb"},
        {"own_certificate": ""},
    ],
)
def test_a_setting_out_of_its_limits_is_refused(setting: dict[str, float | str]) -> None:
    with pytest.raises(InvalidValueError) as refused:
        Tuning(**setting)  # type: ignore[arg-type]  # each setting has its own type

    assert refused.value.code == "bad_tuning"
    assert "expected" in refused.value.detail


def test_settings_are_read_from_json_without_unknown_ones() -> None:
    adapter = TypeAdapter(Tuning)

    read = adapter.validate_json('{"circuit_open": 2.5}', strict=True)

    assert read == Tuning(circuit_open=2.5)
    with pytest.raises(ValidationError):
        adapter.validate_json('{"circuit_opens": 2.5}', strict=True)
