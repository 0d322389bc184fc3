"""Every page is followed: its commands are typed in the order of the page, and what is shown is compared."""

import shutil

import pytest

from tests.docs.conftest import Machine
from tests.docs.pages import PARTNERS, ROOT, WORKS, Page, followed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.mark.parametrize("page", PARTNERS, ids=lambda page: page.path)
def test_a_page_about_partners_does_what_it_says(trade: Machine, page: Page) -> None:
    """With the two partners of the quick start."""
    follow(trade, page)


@pytest.mark.parametrize("page", WORKS, ids=lambda page: page.path)
def test_a_page_about_machines_does_what_it_says(works: Machine, page: Page) -> None:
    """With a directory for each machine, and programs for those that need a real one (``standins``)."""
    follow(works, page)


def follow(machine: Machine, page: Page) -> None:
    """Type what the page says, in an empty directory."""
    directory = machine.home / "page"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    (directory / "docs").symlink_to(ROOT / "docs")
    with machine.terminal(directory) as terminal:
        for block in followed(page.file):
            terminal.follow(block, at=page.at)
