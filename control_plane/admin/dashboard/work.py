"""Work that takes longer than a page may: it goes on in the background, and a page shows how far it is.

Kept in memory, a bounded number of it; whoever loses the page starts it again.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import IO

import structlog

from control_plane.admin.answers import refusal_of
from control_plane.admin.problems import ApiError, Refusal

MAX_KEPT = 32
MAX_RUNNING = 4
LONGEST = 6 * 3600.0  # seconds

_log = structlog.get_logger()


@dataclass(slots=True)
class Work:
    """Something that goes on: ``done`` of ``total`` (None: nobody knows) in ``unit``; what came of it."""

    kind: str
    title: str
    by: str
    back: str  # a page
    done: int = 0
    total: int | None = None
    unit: str = ""
    told: str = ""  # what is done just now
    result: object = None
    refusal: Refusal | None = None
    file: IO[bytes] | None = None
    name: str = ""  # of the file
    began: float = field(default_factory=monotonic)
    ended: float | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return (self.ended or monotonic()) - self.began

    def open_file(self, name: str) -> IO[bytes]:
        """A file of nobody else's, which is gone when this work is forgotten."""
        self.file, self.name = tempfile.TemporaryFile(), name  # noqa: SIM115 - it lives as long as the work
        return self.file


@dataclass(slots=True)
class Works:
    """All work of this process."""

    _kept: dict[str, Work] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self, work: Work, do: Callable[[Work], Awaitable[None]]) -> str:
        """Begin; the id by which a page finds it. Raises ApiError when too much goes on already."""
        if len(self._tasks) >= MAX_RUNNING:
            raise ApiError(
                "unavailable", f"expected at most {MAX_RUNNING} long jobs at once: wait for one to end"
            )
        while len(self._kept) >= MAX_KEPT:
            self._forget(next(key for key, kept in self._kept.items() if not kept.running))
        made = secrets.token_urlsafe(16)
        self._kept[made] = work
        self._tasks[made] = asyncio.create_task(self._run(made, work, do), name=f"dashboard {work.kind}")
        return made

    def find(self, identifier: str) -> Work:
        """The work of this id. Raises ApiError ``not_found``."""
        work = self._kept.get(identifier)
        if work is None:
            raise ApiError("not_found", "expected work that is still known here: start it again")
        return work

    async def close(self, _: object = None) -> None:
        """End all of it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for identifier in list(self._kept):
            self._forget(identifier)

    async def _run(self, identifier: str, work: Work, do: Callable[[Work], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                await do(work)
        except TimeoutError:
            work.refusal = Refusal("unavailable", f"expected an end within {LONGEST:g} s, got none")
        except Exception as error:  # noqa: BLE001 - whatever it was, the page has to say so
            work.refusal = refusal_of(error)
            if work.refusal.code == "internal_error":
                _log.exception("long work of the dashboard failed", kind=work.kind)
        finally:
            work.ended = monotonic()
            self._tasks.pop(identifier, None)

    def _forget(self, identifier: str) -> None:
        work = self._kept.pop(identifier)
        if work.file is not None:
            work.file.close()
