"""Bring every line of the logs to the control plane: in order, at least once, as long as it takes.

A position moves only after the control plane has answered, which it does when the rows are in the database.
So nothing is lost when either side dies at any moment; what is sent twice is stored once.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from control_plane.gateway.checkpoints import Checkpoints
from control_plane.gateway.connection import Connection, RefusedError
from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.positions import Batch, Position
from control_plane.gateway.tail import read
from control_plane.kit.backoff import Backoff
from control_plane.model.identity import shown
from control_plane.ports.errors import UnavailableError

_log = structlog.get_logger(__name__)
_POLL = 0.05  # seconds between looks at a log that had nothing new

Ask = Callable[[], Awaitable[Mapping[str, Position]]]
"""Ask the control plane how far it has each stream."""


class Shipper:
    """Ships each log by a task of its own; one that is refused does not hold up the others."""

    def __init__(
        self,
        gateway: str,
        connection: Connection,
        *,
        logs: list[LogFiles],
        checkpoints: Checkpoints,
        ask: Ask,
    ) -> None:
        self._gateway = gateway
        self._connection = connection
        self._logs = logs
        self._checkpoints = checkpoints
        self._ask = ask
        self._is_last = False

    async def run(self) -> None:
        """Ship until ``finish`` was called and nothing is left."""
        async with asyncio.TaskGroup() as group:
            for files in self._logs:
                group.create_task(self._ship_stream(files), name=f"ship {files.stream}")

    def finish(self) -> None:
        """Make ``run`` return once all that is there has been shipped; for when Envoy has stopped."""
        self._is_last = True

    async def _ship_stream(self, files: LogFiles) -> None:
        backoff = Backoff(0.1, 2.0)
        trouble = _Trouble(files.stream)
        while True:
            is_last = self._is_last  # before reading: what Envoy wrote before it stopped is read afterwards
            try:
                seen = files.state()
                shipped = await self.ship_next(files)
            except UnavailableError as error:
                trouble.begin("control_plane_away", str(error))
            except RefusedError as error:
                trouble.begin("log_refused", str(error))
            except OSError as error:
                trouble.begin("log_not_read", str(error))
            else:
                trouble.end()
                backoff.reset()
                if not shipped:
                    if is_last:
                        return
                    await self._until_changed(files, seen)
                continue
            await asyncio.sleep(backoff.next(random.random()))  # noqa: S311 - spreads load, keeps no secret

    async def _until_changed(self, files: LogFiles, seen: list[tuple[str, int]]) -> None:
        # Asked here and not in a thread: three logs, twenty times a second, all day.
        while files.state() == seen and not self._is_last:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(_POLL)

    async def ship_next(self, files: LogFiles) -> bool:
        """Ship one batch; False when there is nothing new. Raises what stands in the way."""
        position = self._checkpoints.get(files.stream)
        batch = await asyncio.to_thread(read, files, position, now=time.time_ns())
        if batch is None:
            return False
        try:
            await self._ship(batch)
        except RefusedError:
            await self._resume(files, position)
            raise
        await asyncio.to_thread(self._move, files, batch.until)
        return True

    async def _ship(self, batch: Batch) -> None:
        if batch.lost:
            _log.error("log_lines_lost", stream=batch.stream, until=str(batch.until), reason=batch.lost)
        answer = await self._connection.call("Ship", batch.encode(self._gateway))
        if not _confirms(answer, batch.until):
            raise RefusedError(f"expected an answer for all up to {batch.until}, got {shown(answer)}")

    def _move(self, files: LogFiles, position: Position) -> None:
        self._checkpoints.move(files.stream, position)
        files.discard(position.file)

    async def _resume(self, files: LogFiles, position: Position | None) -> None:
        """Go where the control plane says that it is, which is behind us when its database was restored."""
        theirs = (await self._ask()).get(files.stream)
        if theirs == position:
            return
        _log.warning("log_resumed_elsewhere", stream=files.stream, ours=str(position), theirs=str(theirs))
        if theirs is None and position is not None:
            # A new database. What it can have begins with our oldest file; that there was more is said first.
            theirs = Position(min([*files.names(), position.file]), 0)
            lost = f"the audit knew nothing, though everything up to {position} had been shipped before"
            await self._ship(Batch(files.stream, None, theirs, lost=lost))
        await asyncio.to_thread(self._checkpoints.move, files.stream, theirs)


def _confirms(answer: bytes, until: Position) -> bool:
    try:
        value = json.loads(answer)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("offset") == until.offset


class _Trouble:
    """Say once that shipping fails, and once that it works again."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._kind = ""

    def begin(self, kind: str, reason: str) -> None:
        if kind != self._kind:
            _log.warning(kind, stream=self._stream, reason=reason)
        self._kind = kind

    def end(self) -> None:
        if self._kind:
            _log.info("log_shipping_again", stream=self._stream)
        self._kind = ""
