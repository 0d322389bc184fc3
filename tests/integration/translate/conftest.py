"""One pair of organisations for the tests that change nothing."""

from collections.abc import AsyncIterator

import pytest_asyncio

from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import Parties, parties


@pytest_asyncio.fixture
async def shared() -> AsyncIterator[Parties]:
    """A caller and a server with one node."""
    async with parties(Tuning()) as both:
        yield both
