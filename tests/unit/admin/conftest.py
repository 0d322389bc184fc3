"""The API, running over fakes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.admin.world import World, running

# When a test that is not async comes first, pytest-asyncio makes a loop on the side and never closes it.
asyncio.set_event_loop(None)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as made:
        yield made
