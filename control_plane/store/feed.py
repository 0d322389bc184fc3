"""Tells this replica that the objects may have changed.

PostgreSQL's NOTIFY wakes at once; polling makes up for every notification that is lost, so the worst that a
broken connection does is to delay.
"""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import structlog

from control_plane.ports.errors import UnavailableError
from control_plane.store.pool import SESSION, mapped

CHANNEL = "proxenia_objects"
POLL = 5.0  # seconds between wake-ups without a notification
_BEAT = 3.0  # seconds between questions on the listening connection, so that a dead one is noticed
_DEADLINE = 3.0  # seconds for connecting and for an answer
_FIRST_PAUSE = 0.1  # seconds before connecting again; doubles
_LAST_PAUSE = 2.0

_log = structlog.get_logger()


class Feed:
    """``run`` listens, as one task of its owner; each ``wakeups`` is one follower, with or without it."""

    def __init__(self, dsn: str, *, poll: float = POLL) -> None:
        self._dsn = dsn
        self._poll = poll
        self._followers: set[asyncio.Event] = set()

    async def run(self) -> None:
        """Listen until cancelled; connects again whenever the connection is lost."""
        pause = _FIRST_PAUSE
        while True:
            try:
                with mapped():
                    connection = await asyncpg.connect(
                        self._dsn, timeout=_DEADLINE, command_timeout=_DEADLINE, server_settings=SESSION
                    )
                pause = _FIRST_PAUSE
                await self._listen(connection)
            except UnavailableError as error:
                if pause == _FIRST_PAUSE:  # once, not every two seconds
                    _log.warning("waiting for the database", reason=str(error))
            self._wake()  # whatever was said while nobody listened
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LAST_PAUSE)

    async def wakeups(self) -> AsyncIterator[None]:
        """Yield at once, then at every notification, and at least every ``poll`` seconds; several are one."""
        event = asyncio.Event()
        event.set()
        self._followers.add(event)
        try:
            while True:
                await _wait(event, self._poll)
                event.clear()
                yield
        finally:
            self._followers.discard(event)

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """Pass notifications on until the connection ends, and then raise UnavailableError."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda *_: ended.set())
        try:
            with mapped():
                await connection.add_listener(CHANNEL, lambda *_: self._wake())
                self._wake()  # what came between the last look and listening
                while not await _wait(ended, _BEAT):
                    await connection.execute("SELECT")
            raise UnavailableError("the connection that listens for changes has ended")
        finally:
            connection.terminate()

    def _wake(self) -> None:
        for event in self._followers:
            event.set()


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set within that time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
