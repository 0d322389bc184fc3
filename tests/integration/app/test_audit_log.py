"""The audit as the control plane puts it together: who signs what is stored, and what it says of itself."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from control_plane.app.audit_log import AuditLogParts, open_database, query_key
from control_plane.app.demo.organisation import eventually
from control_plane.app.own_trust import open_authority, utc_now
from control_plane.app.settings import Settings, SettingsError
from control_plane.audit.retention import own_event
from control_plane.model.identity import TrustDomain
from control_plane.ports.audit import AuditQuery
from control_plane.store.database import Database
from control_plane.store.server_files import OWNER
from tests.integration.postgres import Server

pytestmark = pytest.mark.integration

OWN = TrustDomain("luebeck.example")
WAIT = 20.0  # seconds


@dataclass(frozen=True)
class Composed:
    """One control plane's audit."""

    settings: Settings
    database: Database
    parts: AuditLogParts

    async def verified(self) -> tuple[int, int]:
        """The rows that are sealed and those that are not yet; nothing is bad."""
        verification = self.parts.verification()
        await verification.begin()
        while await verification.step():
            pass
        assert verification.bad is None, verification.bad
        return verification.total, verification.unsealed


def settings(directory: Path, url: str, owner: str) -> Settings:
    return Settings(
        trust_domain=OWN, state_dir=directory, database_url=url, database_owner_url=owner, audit_days=7
    )


@pytest_asyncio.fixture
async def composed(postgres_server: Server, guarded: str, tmp_path: Path) -> AsyncIterator[Composed]:
    name = f"composed_{tmp_path.name}".replace("-", "_").lower()[:60]
    await postgres_server.administer(f'CREATE DATABASE "{name}" TEMPLATE {guarded} OWNER {OWNER}')
    made = settings(tmp_path, postgres_server.url(name), postgres_server.url(name, role=OWNER))
    authority = open_authority(made, now=utc_now())
    try:
        async with open_database(made, authority) as database:
            yield Composed(made, database, AuditLogParts.of(made, database, authority))
    finally:
        await postgres_server.administer(f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_a_start_and_a_stop_are_signed_sealed_and_verified(composed: Composed) -> None:
    running = asyncio.create_task(composed.parts.run())
    try:
        await eventually("the start to be sealed", partial(is_sealed, composed, 1), within=WAIT)
        await composed.parts.stopped()
        await eventually("the stop to be sealed", partial(is_sealed, composed, 2), within=WAIT)
    finally:
        running.cancel()
        await asyncio.wait([running])

    events = await composed.database.audit.query(AuditQuery())
    assert [event.action for event in events] == ["control-plane.stop", "control-plane.start"]
    assert all(event.metadata["version"] and event.resource for event in events)
    assert composed.parts.sealer.file.last() != []
    await every_batch_is_signed(composed, batches=2)


async def is_sealed(composed: Composed, rows: int) -> bool:
    """Whether so many rows are sealed, none is not, and all are what they were."""
    return await composed.verified() == (rows, 0)


async def every_batch_is_signed(composed: Composed, *, batches: int) -> None:
    """By our control plane's certificate, which the verification has checked."""
    connection = await asyncpg.connect(composed.settings.database_url)
    try:
        rows = await connection.fetch("SELECT signed, signer FROM audit_batches")
    finally:
        await connection.close()
    assert len(rows) == batches
    assert all(row["signed"] and row["signer"] for row in rows)


async def test_replicas_that_start_store_and_seal_at_once_do_not_lock_each_other_out(
    composed: Composed,
) -> None:
    """Partitions of a day are made while others store, seal, read and verify, each in its own order."""
    authority = open_authority(composed.settings, now=utc_now())
    replicas = [open_database(composed.settings, authority) for _ in range(3)]

    async def replica(number: int, database: Database) -> None:
        async with database:
            for turn in range(8):  # each a day that nobody has prepared
                at = utc_now() + timedelta(days=turn - 5)
                rows = [own_event(OWN, f"turn-{turn}", f"r{number}", at=at, version="1")]
                await database.audit.append(rows)
                await database.audit_log.prepare([at.date()])
                await database.audit.query(AuditQuery(limit=5))

    running = asyncio.create_task(composed.parts.run())
    try:
        async with asyncio.timeout(WAIT), asyncio.TaskGroup() as group:
            for number, database in enumerate(replicas):
                group.create_task(replica(number, database))
        await eventually("all to be sealed", partial(is_sealed, composed, 25), within=WAIT)  # and the start
    finally:
        running.cancel()
        await asyncio.wait([running])

    connection = await asyncpg.connect(composed.settings.database_url)
    try:
        deadlocks = await connection.fetchval(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    assert deadlocks == 0


async def test_a_refused_gateway_is_in_the_audit_with_what_it_claimed(composed: Composed) -> None:
    for _ in range(3):
        await composed.parts.refusals.told("ipv4:192.0.2.7:4711", "expected the certificate of a, got b")

    (event,) = await composed.database.audit.query(AuditQuery(event_type="handshake_failed"))
    assert (event.principal, event.action, event.decision) == ("192.0.2.7", "gateway.connect", "denied")
    assert event.metadata["detail"] == "expected the certificate of a, got b"


def test_the_key_of_query_strings_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    made = settings(tmp_path, "postgresql://nowhere/x", "")

    key = query_key(made)

    assert len(key) == 32
    assert query_key(made) == key
    assert query_key(made.model_copy(update={"audit_query": "drop"})) == b""
    (tmp_path / "audit" / "query.key").chmod(0o644)
    with pytest.raises(SettingsError, match="0600"):
        query_key(made)
