"""The crossings of ports/reconciliation.py in PostgreSQL: items are hashed there, page by page.

What SQL makes of a row is what ``chain.crossing`` makes of it; tests/contract holds the two together. Pages
are found by the index on the partner (PARTNER is its expression), and are small enough for the deadline of a
statement.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from control_plane.chain.crossing import HALF, MAY_HAVE_CROSSED, REQUESTS, VIA_UPSTREAM
from control_plane.chain.record_set import Gatherer, RecordSet
from control_plane.model.audit import AuditEvent
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.reconciliation import MAX_ROWS, ReadSoFar, Span
from control_plane.store.audit_rows import COLUMNS, event_of
from control_plane.store.pool import Pool

PAGE = 25_000  # rows a statement


def _words(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


PARTNER = (
    "(CASE WHEN direction <> 'egress' THEN principal_org"
    " WHEN strpos(target_node, '@') > 0 THEN split_part(target_node, '@', 2)"
    " ELSE split_part(resource, '@', 2) END)"
)
_REQUEST = f"event_type IN ({_words(REQUESTS)}) AND correlation_id <> '' AND direction <> ''"
_CROSSED = f"""
{_REQUEST} AND (
    direction = 'ingress'
    OR metadata->>'detail' = '{VIA_UPSTREAM}'
    OR (metadata->>'upstream' <> '' AND reason IN ({_words(MAY_HAVE_CROSSED)}))
)"""
_HOST = "split_part(coalesce(metadata->>'host', ''), ':', 1)"
_VALUES = {
    "caller": "principal_org",
    "method": "action",
    "outcome": f"""CASE
        WHEN coalesce(status, 0) = 0 THEN 'none'
        WHEN direction = 'ingress' AND reason <> 'caller_left' THEN status::text
        WHEN direction <> 'ingress' AND metadata->>'detail' = '{VIA_UPSTREAM}' THEN status::text
        ELSE 'none' END""",
    "path": "coalesce(metadata->>'path', '')",
    "principal": "principal",
    "resource": f"""CASE
        WHEN resource <> '' AND direction = 'egress' THEN split_part(resource, '@', 1) || '@' || {PARTNER}
        WHEN resource <> '' THEN resource
        WHEN length({_HOST}) > length($6::text) + 1
            AND right({_HOST}, length($6::text) + 1) = '.' || $6::text
        THEN left({_HOST}, -length($6::text) - 1) || '@' || $6::text
        ELSE '' END""",
}
_PLACED = f"""
FROM audit_events
WHERE {PARTNER} = $1::text AND (timestamp, event_id) > ($2::timestamptz, $4::text)
AND timestamp >= $2::timestamptz AND timestamp < $3::timestamptz AND {_CROSSED}
ORDER BY timestamp, event_id LIMIT {PAGE}
"""
_ID_HALF = f"substr(sha256($5::bytea || '\\x00'::bytea || convert_to(correlation_id, 'UTF8')), 1, {HALF})"

# Without statistics the planner would rather read and sort the whole table, for each page again.
_BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"

_NAMES = ", ".join(COLUMNS)
_NAMED = f"""
WITH page AS (SELECT {_NAMES} {_PLACED}), found AS (
    SELECT * FROM page WHERE {_ID_HALF} = ANY($6::bytea[])
)
SELECT found.*, last.n, last.t, last.e FROM (
    SELECT count(*) AS n, max(timestamp) AS t,
        (SELECT event_id FROM page ORDER BY timestamp DESC, event_id DESC LIMIT 1) AS e
    FROM page
) AS last LEFT JOIN found ON true
"""  # noqa: S608 - only names and numbers of ours are put in

_KNOWN = f"""
SELECT DISTINCT ON (correlation_id) {_NAMES} FROM audit_events
WHERE correlation_id = ANY($2::text[]) AND {PARTNER} = $1 AND {_REQUEST}
ORDER BY correlation_id, timestamp DESC, event_id DESC
"""  # noqa: S608 - only names of ours are put in


def _items(fields: Sequence[str]) -> str:
    """The statement that makes one page's raw items of ``fields``."""
    values = ", ".join(f"{_VALUES[name]} AS v{number}" for number, name in enumerate(fields))
    body = " || ".join(f"octet_length(v{number}) || ':' || v{number}" for number in range(len(fields)))
    rest = f"substr(sha256($5::bytea || '\\x01'::bytea || convert_to({body}, 'UTF8')), 1, {HALF})"
    moment = "int8send((extract(epoch FROM timestamp) * 1000000)::bigint)"
    return f"""
    WITH page AS (SELECT timestamp, event_id, correlation_id, {values} {_PLACED})
    SELECT count(*) AS n, max(timestamp) AS t,
        (SELECT event_id FROM page ORDER BY timestamp DESC, event_id DESC LIMIT 1) AS e,
        string_agg({_ID_HALF} || {moment} || {rest}, ''::bytea) AS raw
    FROM page
    """  # noqa: S608 - only names and numbers of ours are put in


class PostgresCrossings:
    """Implements ports.reconciliation.Crossings."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def records(
        self, span: Span, key: bytes, fields: Sequence[str], *, progress: ReadSoFar | None = None
    ) -> RecordSet:
        """The items of all crossings."""
        gatherer = Gatherer()
        async for page in self._pages(_items(fields), span, key, span.own):
            gatherer.add(page[0]["raw"])
            if progress is not None:
                progress(gatherer.count, page[0]["t"])
            await asyncio.sleep(0)
            if gatherer.count > MAX_ROWS:
                raise InvalidValueError(
                    "too_many_rows",
                    f"expected at most {MAX_ROWS} crossings, got more: compare a shorter time",
                )
        for _ in gatherer.finish():
            await asyncio.sleep(0)
        return gatherer.result

    async def named(self, span: Span, key: bytes, hashes: Sequence[bytes]) -> list[AuditEvent]:
        """The rows of the span whose correlation id's hash is one of ``hashes``; the last row of each id."""
        found: list[AuditEvent] = []
        async for page in self._pages(_NAMED, span, key, list(hashes)):
            rows = [row for row in page if row["event_id"] is not None]
            found += [event_of({name: row[name] for name in COLUMNS}) for row in rows]
        found.sort(key=lambda event: (event.timestamp, event.event_id))
        return list({event.correlation_id: event for event in found}.values())

    async def known(self, partner: TrustDomain, ids: Sequence[str]) -> list[AuditEvent]:
        """The last row of each of these correlation ids, at any time, whether it crossed or not."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_KNOWN, partner, list(ids))
        return [event_of(row) for row in rows]

    async def _pages(self, statement: str, span: Span, key: bytes, last: object) -> AsyncIterator[list[Any]]:
        """The rows of each page's statement; every one of them says how the page ended."""
        since, event_id = span.interval.since, ""
        while True:
            async with self._pool.snapshot() as connection:
                await connection.execute(_BY_INDEX)
                rows = await connection.fetch(
                    statement, span.partner, since, span.interval.until, event_id, key, last
                )
            if not rows or not rows[0]["n"]:
                return
            yield rows
            if rows[0]["n"] < PAGE:
                return
            since, event_id = rows[0]["t"], rows[0]["e"]
