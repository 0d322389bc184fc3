"""What is known of certificates in use (ports/certificates.py), in PostgreSQL."""

from datetime import datetime

from control_plane.ports.certificates import Crossing, Issued
from control_plane.store.pool import Pool

_NOTE = """
INSERT INTO gateway_certificates AS g (gateway, serial, not_before, not_after, signer)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (gateway) DO UPDATE SET
    serial = excluded.serial,
    not_before = excluded.not_before,
    not_after = excluded.not_after,
    signer = excluded.signer,
    at = excluded.at
"""

_ALL = "SELECT gateway, serial, not_before, not_after, signer FROM gateway_certificates ORDER BY gateway"

# Of a request that we sent, the partner is whom the resource belongs to: name@organisation.
_PASSED = """
SELECT DISTINCT direction, CASE direction
    WHEN 'ingress' THEN principal_org
    ELSE split_part(resource, '@', 2)
END AS organisation
FROM audit_events
WHERE timestamp >= $1 AND timestamp < $2
    AND event_type = 'cross_org_request' AND decision = 'allowed' AND direction IN ('ingress', 'egress')
"""


class PostgresIssued:
    """Implements ports.certificates.IssuedLog."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, issued: Issued) -> None:
        """Replace what is known of this gateway."""
        async with self._pool.connection() as connection:
            await connection.execute(
                _NOTE, issued.gateway, issued.serial, issued.not_before, issued.not_after, issued.signer
            )

    async def all(self) -> list[Issued]:
        """Every gateway's last certificate, by id."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_ALL)
        return [Issued(**row) for row in rows]


class PostgresTraffic:
    """Implements ports.certificates.Traffic."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def passed(self, since: datetime, until: datetime) -> frozenset[Crossing]:
        """With whom, and which way, requests were allowed and answered from ``since`` until ``until``."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_PASSED, since, until)
        return frozenset(Crossing(row["organisation"], row["direction"]) for row in rows)
