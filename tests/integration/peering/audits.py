"""Crossings between two deployments, as both of their gateways would have written them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import asyncpg

from control_plane.model.agreement import AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import Interval, Reconciliation
from control_plane.peering.auditing import Auditing
from tests.integration.peering.deployment import Deployment

BEGAN = (datetime.now(UTC) - timedelta(hours=2)).replace(microsecond=0)
HOURS = Interval(BEGAN - timedelta(minutes=1), BEGAN + timedelta(hours=2))
_SPACE = UUID("2f9c3a52-5b0f-4a57-9d3a-6c2b8e0d7f11")


async def trust(one: Deployment, other: Deployment) -> None:
    """Make two deployments partners; ``other`` is the last that trusts."""
    text = await one.invite(other.name)
    await other.peering.joiner.join(text, actor="operator")
    for own, partner in ((one, other), (other, one)):
        await own.decide(partner.name, AgreementState.TRUSTED)


def auditing(deployment: Deployment) -> Auditing:
    """Its part that compares audits."""
    assert deployment.peering.auditing
    return deployment.peering.auditing


async def reconciled(
    deployment: Deployment, partner: TrustDomain, interval: Interval = HOURS
) -> Reconciliation:
    """Compare now."""
    return await auditing(deployment).reconciler.reconcile(partner, interval, actor="alice")


def correlation_id(number: int) -> str:
    return str(uuid5(_SPACE, str(number)))


def crossing(
    number: int, caller: TrustDomain, callee: TrustDomain, **changes: object
) -> tuple[AuditEvent, AuditEvent]:
    """The rows of the ``number``-th request: the caller's egress, and the callee's ingress."""
    resource = f"orders@{callee}"
    metadata = {"path": f"/orders/{number}", "detail": "via_upstream", "upstream": "127.0.0.1:8443"}
    one = AuditEvent(
        event_id=correlation_id(-number - 1),
        reporter="gateway-1",
        row_id=f"row-{number}",
        timestamp=BEGAN + timedelta(milliseconds=number),
        event_type=EventType.CROSS_ORG_REQUEST,
        direction="egress",
        correlation_id=correlation_id(number),
        source_node="gateway-1",
        principal=f"spiffe://{caller}/gateway/gateway-1",
        principal_org=caller,
        resource=resource,
        action="GET",
        decision="allowed",
        status=200,
        metadata=metadata,
    )
    one = replace(one, **changes)  # type: ignore[arg-type]  # the names are checked by replace
    later = one.timestamp + timedelta(microseconds=700)
    return one, replace(one, direction="ingress", source_node="", target_node="gateway-1", timestamp=later)


async def record(deployment: Deployment, events: Sequence[AuditEvent]) -> None:
    """Write rows into a deployment's audit."""
    await deployment.database.audit.append(events)


async def traffic(caller: Deployment, callee: Deployment, numbers: range) -> None:
    """Requests that both sides have."""
    rows = [crossing(number, caller.name, callee.name) for number in numbers]
    await record(caller, [egress for egress, _ in rows])
    await record(callee, [ingress for _, ingress in rows])


async def tamper(admin_url: str, statement: str, *arguments: object) -> str:
    """Change the audit behind the back of its triggers, as only a superuser can."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        done: str = await connection.execute(statement, *arguments)
        return done
    finally:
        await connection.close()
