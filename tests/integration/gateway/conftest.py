"""An organisation with a real Envoy, and its end whatever happens."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway.organisation import Organisation, slow_upstream


@pytest.fixture
async def organisation() -> AsyncIterator[Organisation]:
    state = Path(tempfile.mkdtemp(prefix="pxg-"))  # short: the paths of sockets are limited to 107 bytes
    async with slow_upstream() as (port, slow):
        made = Organisation(state, upstream=port, slow=slow)
        try:
            await made.start_control_plane()
            yield made
        finally:
            await made.end()
            shutil.rmtree(state)
