"""The kept answers of ports/answers.py in PostgreSQL.

``together`` holds an advisory lock on the key and does everything in one transaction: when the process or the
database dies in the middle, neither the change nor the answer was made, and the key is free. ``apart`` is for
what no transaction of ours can undo: that it began is written first.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import asyncpg

from control_plane.ports.answers import (
    AnswerKey,
    KeptAnswer,
    KeyInUseError,
    KeyReusedError,
    KeyUnfinishedError,
    Turn,
)
from control_plane.store.ambient import surrounded
from control_plane.store.pool import Pool

KEPT = "24 hours"
MAX_TOGETHER = 4  # transactions of requests at once, so that the pool is left to others
_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
_PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
_FIND = f"""
SELECT fingerprint, status, headers, body, ends_at > now() AS going FROM request_answers
WHERE principal = $1 AND key = $2 AND begun_at > now() - interval '{KEPT}'
"""  # noqa: S608 - a constant of ours
_PURGE = f"""
DELETE FROM request_answers WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM request_answers WHERE begun_at <= now() - interval '{KEPT}' LIMIT 100
))
"""  # noqa: S608 - a constant of ours
_FORGET = "DELETE FROM request_answers WHERE principal = $1 AND key = $2"
_STORE = """
INSERT INTO request_answers (principal, key, fingerprint, begun_at, ends_at, status, headers, body)
VALUES ($1, $2, $3, now(), now(), $4, $5::jsonb, $6)
"""
_BEGIN = """
INSERT INTO request_answers (principal, key, fingerprint, begun_at, ends_at)
VALUES ($1, $2, $3, now(), now() + make_interval(secs => $4)) ON CONFLICT (principal, key) DO NOTHING
RETURNING true
"""
_END = """
UPDATE request_answers SET status = $3, headers = $4::jsonb, body = $5, ends_at = now()
WHERE principal = $1 AND key = $2
"""
_GIVE_UP = "UPDATE request_answers SET ends_at = now() WHERE principal = $1 AND key = $2"


class PostgresAnswerKeys:
    """Implements ports.answers.AnswerKeys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._places = asyncio.Semaphore(MAX_TOGETHER)

    @asynccontextmanager
    async def together(self, key: AnswerKey) -> AsyncIterator[Turn]:
        """What the block writes of objects, and the answer: one transaction."""
        async with self._places, self._pool.transaction() as connection:
            if not await connection.fetchval(_LOCK, _number(key)):
                raise KeyInUseError
            earlier = await _earlier(connection, key)
            if earlier is not None:
                yield Turn(earlier)
                return
            await connection.execute(_PATIENCE)
            turn = Turn()
            with surrounded(connection):
                yield turn
            if turn.answer is not None:
                await connection.execute(_PURGE)
                await connection.execute(_FORGET, key.principal, key.key)  # one that is a day old
                await connection.execute(
                    _STORE, key.principal, key.key, key.fingerprint, *_columns(turn.answer)
                )

    @asynccontextmanager
    async def apart(self, key: AnswerKey, *, within: float) -> AsyncIterator[Turn]:
        """Note that it begins, then what became of it."""
        async with self._pool.transaction() as connection:
            await connection.execute(_PURGE)
            new = await connection.fetchval(_BEGIN, key.principal, key.key, key.fingerprint, within)
            earlier = None if new else await _earlier(connection, key)
        if not new:
            if earlier is None:  # it became a day old just now
                raise KeyInUseError
            yield Turn(earlier)
            return
        turn = Turn()
        try:
            yield turn
        except BaseException:
            await self._end(key, _GIVE_UP if turn.unsure else _FORGET)
            raise
        if turn.answer is None:
            await self._end(key, _FORGET)
        else:
            await self._end(key, _END, *_columns(turn.answer))

    async def _end(self, key: AnswerKey, statement: str, *values: object) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement, key.principal, key.key, *values)


def _columns(answer: KeptAnswer) -> tuple[int, str, bytes | None]:
    return answer.status, json.dumps(dict(answer.headers)), answer.body


def _number(key: AnswerKey) -> int:
    """Of the lock: 63 bits of a hash; two keys that share one only wait for each other."""
    digest = sha256(f"{len(key.principal)} {key.principal} {key.key}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


async def _earlier(connection: asyncpg.Connection, key: AnswerKey) -> KeptAnswer | None:
    """The answer that is kept; None when there is none. Raises when the key is not free all the same."""
    row: Any = await connection.fetchrow(_FIND, key.principal, key.key)
    if row is None:
        return None
    if row["fingerprint"] != key.fingerprint:
        raise KeyReusedError
    if row["status"] is not None:
        return KeptAnswer(row["status"], json.loads(row["headers"]), row["body"])
    if row["going"]:
        raise KeyInUseError
    raise KeyUnfinishedError
