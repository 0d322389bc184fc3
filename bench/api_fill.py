"""Ten thousand of everything that the API lists, put into a database by a statement each."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.group import Group
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
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
        await _audit(database, number)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


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
