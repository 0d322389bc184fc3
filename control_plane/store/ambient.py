"""A transaction that what is called in it takes part in, in one task only.

What a request writes and the answer that is kept for it become one transaction so (store/answers.py), without
every layer in between having to carry a connection. Tasks that are started in it work on their own.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg

from control_plane.store.pool import Pool, mapped

_present: ContextVar[tuple[asyncpg.Connection, "asyncio.Task[Any] | None"] | None] = ContextVar(
    "transaction", default=None
)


@contextmanager
def surrounded(connection: asyncpg.Connection) -> Iterator[None]:
    """In the block, this task's work on objects belongs to the transaction of ``connection``."""
    before = _present.set((connection, asyncio.current_task()))
    try:
        yield
    finally:
        _present.reset(before)


def _surrounding() -> asyncpg.Connection | None:
    held = _present.get()
    return held[0] if held is not None and held[1] is asyncio.current_task() else None


@asynccontextmanager
async def connection_of(pool: Pool) -> AsyncIterator[asyncpg.Connection]:
    """The surrounding transaction's connection, else one of the pool's for single statements."""
    surrounding = _surrounding()
    if surrounding is None:
        async with pool.connection() as connection:
            yield connection
    else:
        with mapped():
            yield surrounding


@asynccontextmanager
async def transaction_of(pool: Pool) -> AsyncIterator[asyncpg.Connection]:
    """A part of the surrounding transaction that can be undone alone, else one of its own."""
    surrounding = _surrounding()
    if surrounding is None:
        async with pool.transaction() as connection:
            yield connection
    else:
        with mapped():
            async with surrounding.transaction():
                yield surrounding
