"""Every link leads somewhere: between pages, to their headings, and to them from code, rules and problems."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import outside

# Pages that list others. A folder that one of them links is a list of all that is in it.
INDEXES = ("README.md", "docs/README.md", "docs/reference/api.md", "docs/reference/cli.md")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
CODE = re.compile(r"`[^`]*`")
NAMED = re.compile(r"\bdocs/[\w/.-]+?\.md(?:#[\w-]+)?")


@pytest.fixture(scope="session")
def pages(shipped: dict[str, str]) -> dict[str, str]:
    """Every Markdown file."""
    return {name: text for name, text in shipped.items() if name.endswith(".md")}


def anchors(text: str) -> set[str]:
    """What may stand behind ``#``: the headings as GitHub names them, and anchors of our own."""
    found: list[str] = []
    prose = "".join(outside(text))
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = sum(re.fullmatch(rf"{re.escape(name)}(?:-\d+)?", each) is not None for each in found)
        found.append(f"{name}-{again}" if again else name)
    return {*found, *re.findall(r'<a id="([^"]+)"', prose)}


def targets(text: str) -> Iterator[str]:
    """The links of a page that lead to files of ours."""
    for link in LINK.findall(CODE.sub("", "".join(outside(text)))):
        if not re.match(r"[a-z]+:", link):
            yield link


def fault(root: Path, name: str, link: str) -> str:
    """What is wrong with a link of the page ``name``; empty when it leads somewhere."""
    path, _, anchor = link.partition("#")
    target = (root / name).parent / path if path else root / name
    if not target.exists():
        return f"{name}: {link}: no such file"
    if not target.resolve().is_relative_to(root):
        return f"{name}: {link}: outside of the repository"
    if anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
        return f"{name}: {link}: no such heading"
    return ""


def test_every_link_of_a_page_leads_to_a_file_and_a_heading(root: Path, pages: dict[str, str]) -> None:
    links = [(name, link) for name, text in pages.items() for link in targets(text)]

    assert len(links) > 100
    assert [each for name, link in links if (each := fault(root, name, link))] == []


def test_every_page_is_linked_from_an_index(root: Path, pages: dict[str, str]) -> None:
    listed = {
        (root / index).parent.joinpath(link.partition("#")[0]).resolve()
        for index in INDEXES
        for link in targets(pages[index])
    }
    ours = [name for name in pages if name.startswith("docs/") and name not in INDEXES]

    assert [name for name in ours if not {root / name, (root / name).parent} & listed] == []


def test_every_decision_has_a_number_of_its_own(root: Path) -> None:
    numbers = [path.name.partition("-")[0] for path in (root / "docs" / "decisions").iterdir()]

    assert sorted(set(numbers)) == sorted(numbers)


def test_every_page_that_code_and_rules_name_exists(root: Path, shipped: dict[str, str]) -> None:
    """Runbooks of alerts among them."""
    named = {
        (name, link)
        for name, text in shipped.items()
        if not name.endswith(".md") and not name.startswith("tests/")
        for link in NAMED.findall(text)
    }

    assert any(name == "envoy/prometheus/rules.yml" for name, _ in named)
    assert [each for _, link in sorted(named) if (each := fault(root, "README.md", link))] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# One `two`: three\n\n## Again\n\n## Again\n\n```sh\n# no\n```\n")

    def wrong(link: str) -> bool:
        return bool(fault(tmp_path, "there.md", link))

    assert [*targets("[a](there.md) `[b](c.md)` [d](https://e.example)\n```sh\n[f](g.md)\n```\n")] == [
        "there.md"
    ]
    assert not wrong("there.md#one-two-three")
    assert not wrong("#again-1")
    assert wrong("gone.md")
    assert wrong("#again-2")
    assert wrong("there.md#no")
    assert wrong("../there.md")
