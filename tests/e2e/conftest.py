"""Whole organisations, started once for all tests of this folder by the commands that users run."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from control_plane.app.demo.scene import Scene, scene
from control_plane.app.demo.steps import agree, start


def passable(directory: Path) -> Path:
    """Let the embedded PostgreSQL through, which runs as another user when we are root."""
    directory.chmod(0o711)
    return directory


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Scene]:
    """Three partners with their services; Luebeck and Novgorod have two nodes each."""
    with tempfile.TemporaryDirectory(prefix="proxenia-e2e-") as directory:
        async with scene(passable(Path(directory))) as running:
            await start(running)
            await agree(running)
            yield running
