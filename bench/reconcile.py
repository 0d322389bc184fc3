"""Comparing two organisations' audits: exact, quick, and with little said when little differs.

Run with ``make bench NAME=reconcile`` (``QUICK=1``: a tenth of the rows, and a tenth of the time allowed).
Two control planes with a database each in one real PostgreSQL speak over TLS on loopback. First nothing
differs; then a superuser deletes and alters ten rows behind the back of both. In between, a page of the audit
by each filter is timed.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from time import perf_counter
from uuid import UUID

import asyncpg

from bench.audit_pages import pages, statistics
from bench.report import Report, quick, ratio
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import Interval, Outcome, Reconciliation
from control_plane.observe.log import configure
from control_plane.store.embedded import EmbeddedPostgres
from control_plane.store.migrate import migrate
from control_plane.store.server_files import ADMIN, ROLE
from tests.integration.peering.audits import BEGAN, reconciled, tamper, trust
from tests.integration.peering.deployment import Deployment, Wanted, deploy
from tests.integration.postgres import Server

ROWS = 100_000 if quick() else 1_000_000
MOST_SECONDS = 6.0 if quick() else 60.0
MOST_SHARE = 0.05
BATCH = 50_000
LUEBECK, VISBY = TrustDomain("luebeck.example"), TrustDomain("visby.example")
ALL = Interval(BEGAN - timedelta(minutes=1), BEGAN + timedelta(hours=1))
DELETED_HERE, DELETED_THERE, ALTERED = (
    range(start, ROWS, ROWS // many) for start, many in ((7, 3), (70, 3), (700, 4))
)


@asynccontextmanager
async def partners() -> AsyncIterator[tuple[Deployment, Server]]:
    """Two control planes that are partners; the first of them."""
    directory = Path(tempfile.mkdtemp(prefix="proxenia-bench-"))
    directory.chmod(0o711)  # noqa: ASYNC240 - nothing else waits here
    postgres = EmbeddedPostgres(directory / "state")
    try:
        await postgres.start()
        server = Server(directory / "state")
        async with AsyncExitStack() as stack:
            made = []
            for number, name in enumerate((LUEBECK, VISBY)):
                await server.administer(f"CREATE DATABASE side_{number} OWNER {ROLE}")
                url = server.url(f"side_{number}")
                await migrate(url)
                place = deploy(name, url, state=directory / f"side_{number}", wanted=Wanted())
                made.append(await stack.enter_async_context(place))
            await trust(*made)
            yield made[0], server
    finally:
        await postgres.stop()
        shutil.rmtree(directory)


def correlation_id(number: int) -> str:
    """The id of the ``number``-th request, as LOAD makes it."""
    return str(UUID(md5(f"c{number}".encode(), usedforsecurity=False).hexdigest()))


# Both gateways' rows of the same requests, a third of them in the other direction, a millisecond apart. They
# are written by the database itself, past the log: what is measured here only reads rows.
LOAD = """
INSERT INTO audit_events (
    event_id, reporter, row_id, timestamp, event_type, direction, correlation_id, source_node, target_node,
    principal, principal_org, resource, capability, action, decision, reason, policy_id, status, duration_ms,
    bytes, peer_serial, peer_fingerprint, metadata, batch, place
)
SELECT md5($1 || n)::uuid::text, 'gateway-1', $1 || n,
    $3::timestamptz + n * interval '1 ms' + CASE WHEN caller = $1 THEN '0' ELSE '700 us' END::interval,
    'cross_org_request', CASE WHEN caller = $1 THEN 'egress' ELSE 'ingress' END, md5('c' || n)::uuid::text,
    CASE WHEN caller = $1 THEN 'gateway-1' ELSE '' END, 'gateway-1',
    'spiffe://' || caller || '/gateway/gateway-1', caller, 'orders-' || n % 50 || '@' || callee, '', 'GET',
    'allowed', '', 'allowed', 200, n % 997 / 7.0, n % 5000, '', '',
    jsonb_build_object(
        'path', '/orders/' || n, 'detail', 'via_upstream', 'upstream', '10.0.0.7:8443', 'attempts', '1',
        'host', 'orders-' || n % 50 || '.' || callee, 'route', 'other', 'cluster', 'to/orders.' || callee
    ), 0, n
FROM (
    SELECT n, CASE WHEN n % 3 = 0 THEN 'visby.example' ELSE 'luebeck.example' END AS caller,
        CASE WHEN n % 3 = 0 THEN 'luebeck.example' ELSE 'visby.example' END AS callee
    FROM generate_series($4::integer, $5::integer) AS n
) AS requests WHERE $2 <> $1
"""


async def load(server: Server, number: int, own: TrustDomain, partner: TrustDomain) -> None:
    """Write one side's rows."""
    connection = await asyncpg.connect(server.url(f"side_{number}", role=ADMIN))
    try:
        await connection.fetch("SELECT audit_prepare('audit_events', $1)", BEGAN.date())
        for first in range(0, ROWS, BATCH):
            last = min(first + BATCH, ROWS) - 1
            await connection.execute(LOAD, own, partner, BEGAN, first, last, timeout=300)
        await connection.execute("VACUUM ANALYZE audit_events", timeout=300)
    finally:
        await connection.close()


async def size_of(url: str) -> int:
    """The bytes of all rows as PostgreSQL keeps them, without indexes and page headers."""
    connection = await asyncpg.connect(url)
    try:
        size = await connection.fetchval(
            "SELECT sum(pg_column_size(audit_events.*)) FROM audit_events", timeout=300
        )
        return int(size)
    finally:
        await connection.close()


async def seed(server: Server) -> dict[str, Outcome]:
    """Ten differences; what is expected of each."""
    here, there = (server.url(f"side_{number}", role=ADMIN) for number in (0, 1))
    expected: dict[str, Outcome] = {}
    delete = "DELETE FROM audit_events WHERE correlation_id = ANY($1)"
    alter = """UPDATE audit_events SET metadata = metadata || '{"path": "/altered"}'
        WHERE correlation_id = ANY($1)"""
    for url, numbers, statement, outcome in (
        (here, DELETED_HERE, delete, Outcome.ONLY_THEIRS),
        (there, DELETED_THERE, delete, Outcome.ONLY_OURS),
        (there, ALTERED, alter, Outcome.DIFFERING),
    ):
        names = [correlation_id(number) for number in numbers]
        done = await tamper(url, statement, names)
        if not done.endswith(f" {len(names)}"):
            raise RuntimeError(f"expected {len(names)} rows to be changed, got {done}")
        expected |= dict.fromkeys(names, outcome)
    return expected


async def compare(one: Deployment, report: Report, title: str) -> Reconciliation:
    """Compare and say how it went."""
    began = perf_counter()
    found = await reconciled(one, VISBY, ALL)
    if found.error:
        raise RuntimeError(found.error)
    report.line(title=title, matched=found.matched, messages=found.messages, bytes=found.bytes)
    report.figure(f"{title}: time", perf_counter() - began, unit="s", at_most=MOST_SECONDS)
    return found


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    configure(level=logging.ERROR)  # standard output is for figures
    report = Report("reconcile")
    async with partners() as (luebeck, server):
        report.progress(f"loading {ROWS} rows a side")
        await asyncio.gather(load(server, 0, LUEBECK, VISBY), load(server, 1, VISBY, LUEBECK))
        size = await size_of(luebeck.database_url)
        report.line(rows=ROWS, bytes_of_rows=size)

        same = await compare(luebeck, report, "nothing differs")
        report.figure("nothing differs: matched", same.matched, unit="rows", at_least=ROWS)
        report.figure("nothing differs: differences", len(same.differences), unit="rows", at_most=0)
        share = ratio(same.bytes, size)
        report.figure("nothing differs: bytes transferred", share, unit="of the rows", at_most=MOST_SHARE)

        report.progress("reading pages")
        halfway = BEGAN + timedelta(milliseconds=ROWS // 2)
        await pages(luebeck.database.audit, report, halfway=halfway)
        await statistics(luebeck.database.statistics, report, halfway=halfway, rows=ROWS)

        expected = await seed(server)
        found = await compare(luebeck, report, "ten differ")
        named = {one.correlation_id: one.outcome for one in found.differences}
        wrong = len(named.items() ^ expected.items())
        report.figure("ten differ: found", len(named.items() & expected.items()), unit="rows", at_least=10)
        report.figure("ten differ: wrong or missing", wrong, unit="rows", at_most=0)
        report.figure("ten differ: bytes transferred", ratio(found.bytes, size), unit="of the rows")
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
