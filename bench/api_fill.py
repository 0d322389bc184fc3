"""Ten thousand of everything that the API lists, put into a database by a statement each."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
from pydantic import TypeAdapter

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.group import Group
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.peering import BundleSource, PeeringAddress, View
from control_plane.model.reconciliation import Interval, Reconciliation
from control_plane.model.resource import Resource
from control_plane.store import codec
from control_plane.store.database import Database
from tests.unit.admin.world import OWN, certificate

MARK = "m00000000"  # in the first of each kind, where the others have their number
_DOMAIN = TrustDomain(f"{MARK}.example")
_BATCH = 2000

_OBJECTS = """
INSERT INTO objects (kind, key, organisation, body, revision, created_at, updated_at, deleted)
SELECT $1, replace($2, 'm00000000', 'm' || lpad(n::text, 8, '0')),
    replace($3, 'm00000000', 'm' || lpad(n::text, 8, '0')),
    replace($4, 'm00000000', 'm' || lpad(n::text, 8, '0'))::jsonb, n + 1, now(), now(), false
FROM generate_series(0, $5::bigint - 1) AS n
"""
_HISTORY = """
INSERT INTO history (kind, key, revision, body, actor, at)
SELECT kind, key, revision, body, 'bench', updated_at FROM objects
"""
_REPORTS = """
INSERT INTO audit_reconciliations
    (id, organisation, started_at, since, until, actor, agrees, error, body, differences)
SELECT r.id || '-' || n, r.organisation, r.started_at - n * interval '1 second', r.since, r.until, r.actor,
    r.agrees, r.error, r.body, r.differences
FROM audit_reconciliations AS r, generate_series(1, $1::bigint - 1) AS n
"""
_PARTNERS = """
INSERT INTO peering_partners (organisation, addresses, heard_sequence, heard, heard_at, sent_at)
SELECT replace($1, 'm00000000', 'm' || lpad(n::text, 8, '0')), $2::jsonb, 1, $3::jsonb, now(), now()
FROM generate_series(0, $4::bigint - 1) AS n
"""
_BUNDLES = """
INSERT INTO peering_bundles (organisation, source, fetched_at, due_at)
SELECT replace($1, 'm00000000', 'm' || lpad(n::text, 8, '0')),
    replace($2, 'm00000000', 'm' || lpad(n::text, 8, '0'))::jsonb, now(), now() + interval '1 hour'
FROM generate_series(0, $3::bigint - 1) AS n
"""
_INVITATIONS = """
INSERT INTO peering_invitations (id, organisation, digest, verifier, actor, created_at, expires_at)
SELECT md5(n::text), replace($1, 'm00000000', 'm' || lpad(n::text, 8, '0')), 'd', 'v', 'bench', now(),
    now() + interval '1 day' + n * interval '1 second'
FROM generate_series(0, $2::bigint - 1) AS n
"""
_HEADS = """
INSERT INTO audit_witnessed (side, organisation, log_id, size, head, countersigned, at)
SELECT side, replace($1, 'm00000000', 'm' || lpad(n::text, 8, '0')), 'log', size, repeat('h', 900),
    repeat('c', 900), now()
FROM generate_series(1, $3::bigint) AS size, generate_series(0, $2::bigint / 2 - 1) AS n,
    (VALUES ('ours'), ('theirs')) AS sides (side)
"""
_SOURCES = """
INSERT INTO discovery_sources (name, kind, seen_at, looked_at, reason, nodes)
SELECT 'consul:' || lpad(n::text, 8, '0'), 'consul', now(), now(), '', 7
FROM generate_series(0, $1::bigint - 1) AS n
"""
SOURCES = 20  # that somebody wrote into the settings
_OLDER = 5  # heads of each log that are not its last, and the last


def firsts() -> dict[Kind, Value]:
    """One of each kind; each partner has one node, one resource and one grant."""
    name, node = ResourceName(MARK), ObjectId(MARK)
    return {
        Kind.AGREEMENT: Agreement(_DOMAIN, AgreementState.TRUSTED),
        Kind.BUNDLE: Bundle(_DOMAIN, (certificate(_DOMAIN)[0],), (), 1),
        Kind.NODE: Node(
            node_id=node,
            organisation=_DOMAIN,
            spiffe_id=SpiffeId(f"spiffe://{_DOMAIN}/gateway/{MARK}"),
            endpoints=(Endpoint("192.0.2.1", 8443),),
            metadata={"zone": "north"},
        ),
        Kind.RESOURCE: Resource(name, _DOMAIN, nodes=(node,)),
        Kind.GROUP: Group(name, OWN, members=(_DOMAIN, TrustDomain("other.example"))),
        Kind.GRANT: Grant(node, ResourceName("stockfish"), _DOMAIN),
        Kind.GATEWAY: Gateway(
            id=node,
            spiffe_id=SpiffeId(f"spiffe://{OWN}/gateway/{MARK}"),
            ingress=Endpoint("192.0.2.3", 8443),
            egress=Endpoint("127.0.0.1", 15001),
        ),
    }


async def fill(dsn: str, database: Database, number: int) -> None:
    """Store ``number`` objects of each kind, as many revisions, audit events and comparisons."""
    connection = await asyncpg.connect(dsn)
    try:
        for kind, value in firsts().items():
            body, organisation = codec.encode(kind, value.key, value), codec.organisation_of(value)
            await connection.execute(_OBJECTS, str(kind), value.key, organisation, body, number)
        await connection.execute(_HISTORY)
        await connection.execute("UPDATE head SET revision = $1", number)
        await database.reconciliations.keep(_report())
        await connection.execute(_REPORTS, number)
        await _peering(connection, number)
        await _audit(database, number)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _peering(connection: asyncpg.Connection, number: int) -> None:
    addresses = (PeeringAddress("192.0.2.1", 8444),)
    said = TypeAdapter(View).dump_json(View(AgreementState.TRUSTED, paused=False, since=1, sequence=1))
    source = TypeAdapter(BundleSource).dump_json(BundleSource.of_peer(_DOMAIN, addresses)).decode()
    where = TypeAdapter(tuple[PeeringAddress, ...]).dump_json(addresses).decode()
    await connection.execute(_PARTNERS, _DOMAIN, where, said.decode(), number)
    await connection.execute(_BUNDLES, _DOMAIN, source, number)
    await connection.execute(_INVITATIONS, _DOMAIN, number)
    await connection.execute(_HEADS, _DOMAIN, number, _OLDER)
    await connection.execute(_SOURCES, SOURCES)


def _report() -> Reconciliation:
    now = datetime.now(UTC)
    interval = Interval(now - timedelta(hours=2), now - timedelta(hours=1))
    partner = TrustDomain("luebeck.example")
    return Reconciliation(
        id="bench",
        organisation=partner,
        interval=interval,
        started_at=now,
        seconds=0.5,
        actor="schedule",
        matched=7,
    )


async def _audit(database: Database, number: int) -> None:
    now = datetime.now(UTC)
    event = AuditEvent(
        event_id="",
        reporter="gateway-1",
        row_id="",
        timestamp=now,
        event_type=EventType.CROSS_ORG_REQUEST,
        direction="egress",
        correlation_id="6f0d1b0a-0000-4000-8000-000000000001",
        principal=f"spiffe://{OWN}/gateway/gateway-1",
        principal_org=OWN,
        resource="orders@luebeck.example",
        decision="allowed",
        status=200,
    )
    for first in range(0, number, _BATCH):
        await database.audit.append(
            [
                replace(event, event_id=f"e-{n}", row_id=str(n), timestamp=now - timedelta(milliseconds=n))
                for n in range(first, min(first + _BATCH, number))
            ]
        )
        await asyncio.sleep(0)
