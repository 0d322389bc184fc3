"""Whole organisations, started once for all tests of this folder by the commands that users run."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest_asyncio

from control_plane.app.demo.scene import Scene, scene
from control_plane.app.demo.steps import agree, start
from tests.integration.discovery.plugin_world import example_installed

__all__ = ["example_installed", "room", "stage"]


@contextmanager
def room() -> Iterator[Path]:
    """A short directory that the embedded PostgreSQL can pass: as root it runs as another user."""
    with tempfile.TemporaryDirectory(prefix="proxenia-e2e-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage() -> AsyncIterator[Scene]:
    """Three partners with their services; Luebeck and Novgorod have two nodes each."""
    with room() as directory:
        async with scene(directory) as running:
            await start(running)
            await agree(running)
            yield running
