"""Which pages are followed, and where; a page with commands that is not here fails a test of the shape."""

from dataclasses import dataclass
from pathlib import Path

from tests.docs.blocks import Block, blocks

ROOT = Path(__file__).parents[2]
COMMANDS = ("sh", "console")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is followed by the test of ``by``; ``at`` is whose machine its commands are typed on."""

    path: str
    by: str
    at: str = "luebeck"

    @property
    def file(self) -> Path:
        """Where it is."""
        return ROOT / self.path


# In the order in which they are followed: each finds what the ones before have left.
PARTNERS = (
    Page("docs/howto/first-partner.md", "test_pages.py"),
    Page("docs/troubleshooting.md", "test_pages.py"),
    Page("docs/howto/rotation.md", "test_pages.py"),
    Page("docs/howto/backup.md", "test_pages.py"),
    Page("docs/compose.md", "test_pages.py", at=""),
    Page("docs/sources.md", "test_pages.py"),
    Page("docs/examples/json-file-source/README.md", "test_pages.py"),
    Page("docs/howto/revocation.md", "test_pages.py"),
    Page("docs/howto/mcp.md", "test_pages.py"),
    Page("docs/howto/groups.md", "test_pages.py", at="novgorod"),
)
WORKS = (
    Page("docs/howto/production.md", "test_pages.py", at="control"),
    Page("docs/howto/high-availability.md", "test_pages.py", at="control"),
    Page("docs/howto/upgrade.md", "test_pages.py", at="control"),
    Page("docs/howto/discovery.md", "test_pages.py", at="control"),
    Page("docs/howto/traces.md", "test_pages.py", at="control"),
    Page("docs/howto/own-ca.md", "test_pages.py", at=""),
)
FOLLOWED = (
    Page("README.md", "test_newcomer.py"),
    Page("docs/quickstart.md", "test_newcomer.py"),
    *PARTNERS,
    *WORKS,
)


def documents() -> list[Path]:
    """Every page that people read, but for the reference, which is made from the code."""
    made = ROOT / "docs" / "reference"
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "envoy").rglob("*.md")]
    return sorted(path for path in found if not path.is_relative_to(made))


def followed(page: Path) -> list[Block]:
    """The blocks of a page that a reader carries out."""
    return [block for block in blocks(page) if block.language in COMMANDS or "file" in block.words]
