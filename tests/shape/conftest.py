"""What the tests of the code base's shape look at: the files of this checkout."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GITIGNORE = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
IGNORED = [".git", *(line.rstrip("/") for line in GITIGNORE)]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        names = (path.name, str(path.relative_to(ROOT)))
        if path.is_symlink() or any(fnmatch(name, pattern) for name in names for pattern in IGNORED):
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


@pytest.fixture(scope="session")
def shipped(root: Path) -> dict[str, str]:
    """The text of every file, by its path in the checkout."""
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8", errors="replace")
        for path in _files(root)
    }


@pytest.fixture(scope="session")
def modules(shipped: dict[str, str]) -> dict[str, str]:
    """The source of every module of the package."""
    return {
        name: text
        for name, text in shipped.items()
        if name.startswith("control_plane/") and name.endswith(".py")
    }
