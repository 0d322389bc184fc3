"""What the gateways did with what they were sent (ports/deliveries.py), in PostgreSQL."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from control_plane.model.delivery import Delivery
from control_plane.ports.deliveries import GatewayState
from control_plane.store.pool import Pool

_DELIVERIES: TypeAdapter[tuple[Delivery, ...]] = TypeAdapter(tuple[Delivery, ...])

# A gateway that moved from one replica to another is told about by both; the later word counts.
_SAVE = """
INSERT INTO gateway_states AS g (gateway, connected, deliveries, replica, at)
SELECT * FROM unnest($1::text[], $2::boolean[], $3::jsonb[], $4::text[], $5::timestamptz[])
ON CONFLICT (gateway) DO UPDATE SET
    connected = excluded.connected,
    deliveries = excluded.deliveries,
    replica = excluded.replica,
    at = excluded.at
WHERE g.at <= excluded.at
"""

_ALL = "SELECT gateway, connected, deliveries, replica, at FROM gateway_states ORDER BY gateway"


class PostgresDeliveries:
    """Implements ports.deliveries.DeliveryLog."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def save(self, states: Sequence[GatewayState]) -> None:
        """Replace what is known of these gateways, unless something later is known."""
        latest: dict[str, GatewayState] = {}
        for state in sorted(states, key=lambda state: state.at):
            latest[state.gateway] = state
        rows = [latest[gateway] for gateway in sorted(latest)]  # one order, so that replicas cannot deadlock
        async with self._pool.connection() as connection:
            await connection.execute(
                _SAVE,
                [row.gateway for row in rows],
                [row.connected for row in rows],
                [_json(row.deliveries) for row in rows],
                [row.replica for row in rows],
                [row.at for row in rows],
            )

    async def all(self) -> list[GatewayState]:
        """Every gateway that ever connected, by id."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_ALL)
        return [
            GatewayState(
                gateway=row["gateway"],
                connected=row["connected"],
                deliveries=_DELIVERIES.validate_json(row["deliveries"], strict=True),
                replica=row["replica"],
                at=row["at"],
            )
            for row in rows
        ]


def _json(deliveries: tuple[Delivery, ...]) -> str:
    """JSON without NUL, which Envoy's words could hold and PostgreSQL does not."""
    return _DELIVERIES.dump_json(deliveries).decode().replace("\\u0000", "\\ufffd")
