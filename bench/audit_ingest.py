"""Shipments of access log lines into a real PostgreSQL, sealed beside it and verified afterwards."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from control_plane.admin.audit_export import document_of
from control_plane.audit.head_file import HeadFile
from control_plane.audit.heads import Judge, Signer
from control_plane.audit.receive import Receiver
from control_plane.audit.seal import Sealer
from control_plane.audit.verify import Verification
from control_plane.model.identity import TrustDomain
from control_plane.ports.audit import AuditQuery
from control_plane.ports.audit_use import Numbered
from control_plane.ports.caller import Caller
from control_plane.store.database import Database
from control_plane.store.embedded import EmbeddedPostgres
from control_plane.trust.authority import Authority
from tests.unit.audit.lines import ACCESS

OWN = TrustDomain("luebeck.example")
LINES = 2000  # of one shipment, as agents make them
GATEWAYS = 3
_SETTLE = 60.0  # seconds that sealing may take after the last row


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured; times in seconds."""

    rows: int
    seconds: float
    sealed: int
    lag: float
    cpu: float
    database_cpu: float
    verified: int
    verify_seconds: float
    found: str
    exported: int
    export_seconds: float
    export_memory: float  # MB more than before, at most


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def processes_cpu(parent: int) -> float:
    """Time that a process and those it started have spent, those that ended included."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) == parent:
                ticks += sum(int(field) for field in fields[11:15])
            elif int(fields[1]) == parent:
                ticks += sum(int(field) for field in fields[11:13])
    return ticks / 100


def shipments(gateway: str) -> Iterator[bytes]:
    """Requests of Ship without end: each follows the one before."""
    line = json.dumps(ACCESS | {"row": "ROW-", "rid": "RID-", "ts": "TIME-"}).encode() + b"\n"
    head, row, rest = line.partition(b"ROW-")
    between, rid, tail = rest.partition(b"RID-")
    start, offset, number = head.partition(b"TIME-"), 0, 0
    del row, rid
    while True:
        moment = now().isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
        begin = start[0] + moment + start[2]
        lines = []
        for number in range(number + 1, number + 1 + LINES):  # noqa: B020 - counts on
            unique = b"%08d-8a3c-4e57-9f4f-2a1df6f3c111" % number
            lines.append(begin + unique + between + unique + tail)
        data = b"".join(lines)
        after = {"file": "access.1.jsonl", "offset": offset} if offset else None
        header = {
            "gateway": gateway,
            "stream": "access",
            "file": "access.1.jsonl",
            "from": offset,
            "to": offset + len(data),
            "after": after,
            "lost": "",
        }
        offset += len(data)
        yield json.dumps(header).encode() + b"\n" + data


async def ship(receiver: Receiver, gateway: str, until: float) -> tuple[int, float]:
    """Ship as fast as it goes; rows stored, and the CPU time that making the lines took."""
    rows, made = 0, 0.0
    source = shipments(gateway)
    while time.perf_counter() < until:
        began = time.thread_time()
        request = next(source)
        made += time.thread_time() - began
        rows += json.loads(await receiver.ship(request, Caller(None)))["stored"]
    return rows, made


async def ingest_and_verify(directory: Path, seconds: float) -> Figures:
    """Measure; everything that was started has ended afterwards."""
    authority = Authority.open(directory / "ca", OWN, now=now())
    signer = Signer(credentials=lambda: authority.server_credentials(now=now()))
    judge = Judge(bundle=authority.bundle, now=now)
    server = EmbeddedPostgres(directory)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        dsn = await server.start()
        database = await stack.enter_async_context(Database(dsn, owner=server.owner_dsn, sign=signer))
        await database.migrate()
        file = HeadFile(directory / "audit")
        sealer = Sealer(
            own=OWN,
            log=database.audit_log,
            sign=signer,
            judge=judge,
            singleton=database.singleton,
            file=file,
            now=now,
        )
        sealing = asyncio.create_task(sealer.run(), name="seal")
        receiver = Receiver(database.audit, own=OWN, clock=now)
        await ship(receiver, "warm-up", time.perf_counter() + 0.5)
        cpu, database_cpu, began = time.process_time(), processes_cpu(server.pid), time.perf_counter()
        shipped = await asyncio.gather(
            *(ship(receiver, f"gw-{number}", began + seconds) for number in range(GATEWAYS))
        )
        took = time.perf_counter() - began
        cpu = time.process_time() - cpu - sum(made for _, made in shipped)
        database_cpu = processes_cpu(server.pid) - database_cpu
        lag = await _sealed(database)
        sealing.cancel()
        await asyncio.wait([sealing])
        verification = Verification(own=OWN, reader=database.audit_reader, judge=judge, known=file.last())
        began = time.perf_counter()
        await verification.begin()
        while await verification.step():
            pass
        verify_seconds = time.perf_counter() - began
        exported, export_seconds, export_memory = await export_all(database)
        return Figures(
            rows=sum(rows for rows, _ in shipped),
            seconds=took,
            sealed=verification.total,
            lag=lag,
            cpu=cpu,
            database_cpu=database_cpu,
            verified=verification.walk.rows,
            verify_seconds=verify_seconds,
            found="good" if verification.bad is None else verification.bad.detail,
            exported=exported,
            export_seconds=export_seconds,
            export_memory=export_memory,
        )


async def export_all(database: Database) -> tuple[int, float, float]:
    """Walk through the log as an export of more rows than can be held does: rows, seconds, memory in MB."""
    rows, before, most, began = 0, memory(), 0.0, time.perf_counter()
    async for one in database.following.walk(AuditQuery()):
        document_of(one)
        if isinstance(one, Numbered):
            rows += 1
            if rows % LINES == 0:
                most = max(most, memory() - before)
    return rows, time.perf_counter() - began, most


def memory() -> float:
    """What this process has in memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def _sealed(database: Database) -> float:
    """Seconds until nothing waits to be sealed any more."""
    began = time.perf_counter()
    while time.perf_counter() - began < _SETTLE:
        tail = await database.audit_log.tail()
        batch = -1 if tail.head is None else _batch(tail.head.signed)
        if not await database.audit_log.waiting(batch, limit=1):
            break
        await asyncio.sleep(0.2)
    return time.perf_counter() - began


def _batch(signed: bytes) -> int:
    from control_plane.audit.walk import payload_of  # noqa: PLC0415 - only needed here

    return payload_of(signed).batch
