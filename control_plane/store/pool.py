"""Connections to PostgreSQL, each use with a deadline, and every failure as one of the ports' errors.

Nothing is connected before the first use, and a connection that died is replaced at the next use: after the
server was away, the first call that succeeds is the recovery. Nothing is tried twice here; only the caller
knows whether that is harmless.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

import asyncpg

from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError
from control_plane.store.binaries import MIN_MAJOR
from control_plane.store.errors import UnusableDatabaseError

MAX_CONNECTIONS = 10
COMMAND_TIMEOUT = 6.0  # seconds; a server that has vanished is noticed within ten
_SHOWN = 200  # characters of a message in ours
ACQUIRE_TIMEOUT = 4.0  # seconds; includes connecting
SESSION = {
    "application_name": "proxenia",
    "timezone": "UTC",
    "statement_timeout": "30s",  # the server's own end to what no client waits for any more
    "lock_timeout": "4s",  # less than COMMAND_TIMEOUT, so that the server gives up first
    "idle_in_transaction_session_timeout": "10s",  # a stuck replica must not hold up the writers
}

# What going away, being started, being full, or giving up on a lock looks like. Not in the list, and so a
# defect that must show: syntax errors, missing columns, wrong arguments.
UNAVAILABLE = (
    OSError,  # connection refused, no such socket; TimeoutError is one
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.OperatorInterventionError,  # class 57: shutdown, crash, starting up, cancelled
    asyncpg.InsufficientResourcesError,  # class 53: too many connections, disk full
    asyncpg.TransactionRollbackError,  # class 40: deadlock, serialisation
    asyncpg.UndefinedTableError,  # the first start: the schema is being made
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or a disk that was made read-only
    asyncpg.InvalidAuthorizationSpecificationError,  # class 28
    asyncpg.InvalidCatalogNameError,  # the database does not exist (yet)
)

# A server's last word (FATAL) leaves asyncpg in the middle of an operation: the next one is refused so.
DISORDER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
LOST = (*UNAVAILABLE, *DISORDER)


@contextmanager
def mapped() -> Iterator[None]:
    """Turn asyncpg's exceptions into the ports', with the cause chained."""
    try:
        yield
    except UNAVAILABLE as error:
        raise UnavailableError(f"the database does not answer: {_said(error)}") from error
    except asyncpg.DataError as error:  # class 22, as the server says it: NUL in text, a number too large
        raise InvalidValueError("bad_value", f"a value does not fit the database: {_said(error)}") from error
    except DISORDER as error:
        raise _of_client(error) from error


def _of_client(error: Exception) -> Exception:
    """What asyncpg itself finds wrong: the DSN, a value, or (all others) a connection that is of no use."""
    if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return UnusableDatabaseError(f"expected a usable database URL, got: {_said(error)}")
    if isinstance(error, ValueError):
        return InvalidValueError("bad_value", f"a value does not fit the database: {_said(error)}")
    return UnavailableError(f"the connection to the database is gone: {_said(error)}")


def _said(error: BaseException) -> str:
    return str(error)[:_SHOWN] or type(error).__name__


class _Step(Enum):
    """How far a transaction is."""

    BEGIN = auto()
    WORK = auto()
    COMMIT = auto()


class Pool:
    """At most ten connections; an async context manager."""

    def __init__(self, dsn: str, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._dsn = dsn
        self._max = max_connections
        self._pool: asyncpg.Pool | None = None

    async def __aenter__(self) -> Self:
        self._pool = asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._max,
            timeout=ACQUIRE_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            server_settings=SESSION,
            reset=_nothing_to_reset,
        )
        await self._pool
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.terminate()  # at once: who waits for an answer gets UnavailableError
            self._pool = None

    async def check(self) -> None:
        """Raise UnavailableError when there is no answer, UnusableDatabaseError when it is no use to us."""
        async with self.connection() as connection:
            await check_server(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection for single statements."""
        if self._pool is None:
            raise UnavailableError("the database is not open")
        with mapped():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT) as connection:
                try:
                    yield connection
                except (TimeoutError, asyncpg.InternalClientError):
                    connection.terminate()  # asking it politely to stop would wait as long again
                    raise

    def transaction(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """Commit what the block does, or, when it raises, change nothing."""
        return self._transaction(isolation="read_committed", readonly=False)

    def snapshot(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """Lend a connection whose statements all see the same moment."""
        return self._transaction(isolation="repeatable_read", readonly=True)

    @asynccontextmanager
    async def _transaction(self, *, isolation: str, readonly: bool) -> AsyncIterator[asyncpg.Connection]:
        async with self.connection() as connection:
            transaction = connection.transaction(isolation=isolation, readonly=readonly)
            step = _Step.BEGIN
            try:
                await transaction.start()
                step = _Step.WORK
                yield connection
                step = _Step.COMMIT
                await transaction.commit()
            except BaseException as error:
                if step is not _Step.WORK or isinstance(error, LOST):
                    connection.terminate()  # the server rolls back by itself what it has not committed
                elif not connection.is_closed():
                    await transaction.rollback()
                if step is _Step.COMMIT and isinstance(error, LOST):
                    raise UnavailableError(
                        "the connection was lost while the change was committed: look whether it took effect "
                        f"before trying again ({_said(error)})"
                    ) from error
                raise


async def _nothing_to_reset(_connection: Any) -> None:  # noqa: ANN401 - asyncpg's proxy type is private
    """Save a round trip at every return: no code here leaves settings, locks or listeners behind."""


async def check_server(connection: asyncpg.Connection) -> None:
    """Raise UnusableDatabaseError when this server is too old or stores text in another encoding."""
    version = connection.get_server_version()
    if version.major < MIN_MAJOR:
        raise UnusableDatabaseError(
            f"expected PostgreSQL {MIN_MAJOR} or newer, got {version.major}.{version.minor}: upgrade it"
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise UnusableDatabaseError(
            f"expected a database with encoding UTF8, got {encoding}: "
            "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
