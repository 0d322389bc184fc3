"""The pictures of the documentation are what their tool writes, and need nothing from elsewhere."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.pictures import FOLDER, picture
from tools.pictures_of_concepts import PICTURES


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_its_tool_writes(name: str) -> None:
    title, size, parts = PICTURES[name]

    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == picture(title, size, parts), (
        "run `python -m tools.pictures`"
    )


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_alone_and_says_what_it_shows(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    document = ET.fromstring(text)  # noqa: S314 - our own

    assert document.get("aria-label") == PICTURES[name][0]
    assert "prefers-color-scheme: dark" in text
    assert not re.findall(r"(?:href|src|@import|xlink)", text)


def test_there_is_no_picture_without_a_page_nor_the_other_way(root: Path) -> None:
    page = (root / "docs" / "concepts.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"pictures/(\w+)\.svg", page)) == sorted(path.stem for path in FOLDER.iterdir())
