"""The API, running over fakes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.admin.world import World, running

# Otherwise pytest-asyncio makes a loop on the side, when a test that is not async comes first, and never closes it.
asyncio.set_event_loop(None)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as made:
        yield made
