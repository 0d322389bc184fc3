from collections import namedtuple

import asyncpg
import pytest

from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError
from control_plane.store.errors import UnusableDatabaseError
from control_plane.store.pool import Pool, check_server, mapped

Version = namedtuple("Version", "major minor")  # noqa: PYI024 - stands for asyncpg's


class Connection:
    """The two questions that a server is asked."""

    def __init__(self, major: int, encoding: str) -> None:
        self._major = major
        self._encoding = encoding

    def get_server_version(self) -> Version:
        return Version(self._major, 7)

    async def fetchval(self, _query: str) -> str:
        return self._encoding


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (ConnectionRefusedError("refused"), UnavailableError),
        (FileNotFoundError("no socket"), UnavailableError),
        (TimeoutError(), UnavailableError),
        (asyncpg.ConnectionDoesNotExistError("gone"), UnavailableError),
        (asyncpg.CannotConnectNowError("starting up"), UnavailableError),
        (asyncpg.AdminShutdownError("shutdown"), UnavailableError),
        (asyncpg.TooManyConnectionsError("full"), UnavailableError),
        (asyncpg.DiskFullError("full"), UnavailableError),
        (asyncpg.DeadlockDetectedError("deadlock"), UnavailableError),
        (asyncpg.UndefinedTableError("the schema is being made"), UnavailableError),
        (asyncpg.LockNotAvailableError("lock timeout"), UnavailableError),
        (asyncpg.InvalidPasswordError("no"), UnavailableError),
        (asyncpg.InterfaceError("connection is closed"), UnavailableError),
        (asyncpg.InternalClientError("another operation is in progress"), UnavailableError),
        (asyncpg.UntranslatableCharacterError("NUL"), InvalidValueError),
        (asyncpg.exceptions.ClientConfigurationError("bad DSN"), UnusableDatabaseError),
    ],
)
def test_a_failure_becomes_a_ports_error_with_its_cause(cause: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught, mapped():
        raise cause

    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    "defect", [asyncpg.UndefinedColumnError("x"), asyncpg.PostgresSyntaxError("x"), KeyError("x")]
)
def test_a_defect_stays_what_it_is(defect: Exception) -> None:
    with pytest.raises(type(defect)), mapped():
        raise defect


async def test_a_server_that_is_too_old_is_refused() -> None:
    with pytest.raises(UnusableDatabaseError, match=r"expected PostgreSQL 14 or newer, got 13\.7"):
        await check_server(Connection(13, "UTF8"))

    await check_server(Connection(14, "UTF8"))


async def test_a_pool_that_is_not_open_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="not open"):
        await Pool("postgresql:///x").check()
