"""The agent watches its Envoy after a revocation, and reports."""

import asyncio
import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from control_plane.gateway.connection import Connection
from control_plane.gateway.cuts import CutWatch
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.ports.errors import UnavailableError

pytestmark = pytest.mark.looptime


class FakeConnection(Connection):
    """Answers with what the control plane would say next, and then not any more."""

    def __init__(self, *answers: dict[str, float] | Exception) -> None:
        self.answers = deque(answers)
        self.asked: list[dict[str, Any]] = []
        self.done = asyncio.Event()

    async def call(self, method: str, request: bytes, *, within: float = 10.0) -> bytes:
        assert method == "Report"
        assert within > 10
        self.asked.append(json.loads(request))
        if not self.answers:
            self.done.set()
            await asyncio.Event().wait()
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()


class FakeEnvoy(EnvoyAdmin):
    """Listeners of an epoch, and so many looks until nothing drains."""

    def __init__(self, *, epochs: list[int], drains_for: float = 0) -> None:
        super().__init__(Path("nowhere"))
        self.epochs = deque(epochs)
        self.draining = drains_for
        self.deaf = False

    async def read(self, path: str) -> str:
        if self.deaf:
            return ""
        if path.startswith("/config_dump"):
            epoch = self.epochs.popleft() if len(self.epochs) > 1 else self.epochs[0]
            return f'{{"name": "partners@{epoch}"}}, {{"name": "applications@{epoch}"}}'
        if "draining" in path:
            self.draining -= 1
            count = 1 if self.draining >= 0 else 0
            return f"listener_manager.total_filter_chains_draining: {count}\n"
        return "http.egress.downstream_cx_active: 1\nhttp.ingress.downstream_cx_active: 4\n"


async def watched(connection: FakeConnection, envoy: FakeEnvoy, *, drain: float = 5) -> list[dict[str, Any]]:
    """What the control plane was told, in order."""
    watch = CutWatch("gw-1", connection, envoy, drain=drain)
    task = asyncio.create_task(watch.run())
    await connection.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return connection.asked


async def test_it_waits_for_the_listeners_and_for_the_last_connection() -> None:
    connection = FakeConnection({"epoch": 2, "since_ms": 40.0})

    asked = await watched(connection, FakeEnvoy(epochs=[1, 1, 2], drains_for=3))

    drained = asked[1]["drained"]
    assert asked[0] == {"gateway": "gw-1", "epoch": -1, "drained": None}
    assert asked[1]["epoch"] == drained["epoch"] == 2
    assert drained["pushed_ms"] >= 40
    assert (drained["connections_before"], drained["connections_left"]) == (5, 0)


async def test_a_report_that_was_not_taken_is_sent_again() -> None:
    connection = FakeConnection({"epoch": 2, "since_ms": 0}, UnavailableError("away"))

    asked = await watched(connection, FakeEnvoy(epochs=[2]))

    assert asked[1]["drained"] is not None
    assert asked[2]["drained"] == {**asked[1]["drained"], "ago_ms": asked[2]["drained"]["ago_ms"]}


async def test_the_same_epoch_is_not_watched_twice() -> None:
    connection = FakeConnection({"epoch": 2, "since_ms": 0}, {"epoch": 2, "since_ms": 20_000})

    asked = await watched(connection, FakeEnvoy(epochs=[2]))

    assert [question["drained"] is None for question in asked] == [True, False, True]
