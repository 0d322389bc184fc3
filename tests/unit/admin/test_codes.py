"""Every code that can be answered is listed with a title and a next step."""

import re
from pathlib import Path

import pytest

from control_plane.admin.check_codes import CHECK_CODES, documented
from control_plane.admin.codes import CODES
from control_plane.peering.refusal import CODES as REFUSALS

PACKAGE = Path(__file__).parents[3] / "control_plane"
MODELS = ("agreement", "bundle", "crl", "grant", "group", "identity", "node", "resource", "steering")
RAISED = re.compile(r"(?:InvalidValueError|ApiError|Refusal|FieldError)\(\s*\"([a-z_]+)\"")
FOUND = re.compile(r"Level\.(?:PROBLEM|WARNING),\s*\"([a-z_]+)\"")
CHECKS = ("admin/check_own.py", "admin/check_partners.py", "app/precheck.py")
SOURCES = [
    *(PACKAGE / "admin").glob("*.py"),
    *(PACKAGE / "model" / f"{name}.py" for name in MODELS),
    *(PACKAGE / "pki" / f"{name}.py" for name in ("bundle", "crl", "lists")),
    PACKAGE / "pki" / "strength.py",
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_code_that_is_raised_is_listed(source: Path) -> None:
    raised = set(RAISED.findall(source.read_text(encoding="utf-8")))

    assert raised <= set(CODES)


@pytest.mark.parametrize("name", CODES)
def test_every_code_has_a_status_a_title_and_a_next_step(name: str) -> None:
    code = CODES[name]

    assert 400 <= code.status < 600
    assert code.title[0].isupper()
    assert code.title[-1] != "."
    assert code.hint


def test_every_refusal_between_control_planes_is_listed() -> None:
    assert set(REFUSALS) <= set(CODES)


def test_no_code_of_a_check_has_another_meaning_in_the_api() -> None:
    assert not set(CHECK_CODES) & set(CODES)


def test_every_code_that_a_check_finds_has_a_next_step() -> None:
    text = "".join((PACKAGE / path).read_text(encoding="utf-8") for path in CHECKS)

    assert {code for code in FOUND.findall(text) if documented(code) is None} == set()
