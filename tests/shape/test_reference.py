"""The reference says what the code says. To mend a failure: `make reference`, and commit it."""

from pathlib import Path

import pytest

from control_plane.admin.codes import CODES
from tools.reference import FOLDER, differences, pages, write

MEND = "run `make reference` and commit docs/reference/"


@pytest.fixture(scope="module")
def wanted() -> dict[str, str]:
    return pages()


def test_the_reference_is_what_the_code_says(wanted: dict[str, str]) -> None:
    stale = differences(FOLDER, wanted)

    assert not stale, MEND


def test_every_code_of_the_api_can_be_linked_to(wanted: dict[str, str]) -> None:
    assert not [name for name in CODES if f'<a id="{name}"></a>' not in wanted["codes.md"]]


def test_a_page_that_is_old_missing_or_too_many_is_found_and_mended(tmp_path: Path) -> None:
    told = {"one.md": "1\n", "area/two.md": "2\n", "area/three.md": "3\n"}
    write(tmp_path, told)
    (tmp_path / "one.md").write_text("old")
    (tmp_path / "area" / "two.md").unlink()
    (tmp_path / "area" / "four.md").write_text("4")

    assert differences(tmp_path, told) == ["area/four.md", "area/two.md", "one.md"]
    write(tmp_path, told)
    assert differences(tmp_path, told) == []


@pytest.mark.parametrize("page", ["codes.md", "problems.md"])
def test_every_code_has_its_cause_its_next_step_and_an_anchor(wanted: dict[str, str], page: str) -> None:
    rows = [line.strip("| ").split(" | ") for line in wanted[page].splitlines() if line.startswith("| ")]
    codes = {row[0].partition("</a>")[2] or row[0]: row for row in rows if row[0] not in {"code", "---"}}

    assert len(codes) > 100
    assert [row for row in codes.values() if len(row) < 3 or not all(row) or row[-1] == "…"] == []
    assert [name for name in codes if f'<a id="{name.strip("`")}"></a>{name}' not in wanted[page]] == []
