"""What our gateways report of partners' nodes: put together, and kept up to date beside the audit."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from control_plane.app.partnership import Partnership
from control_plane.model.audit import EventType
from control_plane.model.tuning import Tuning
from control_plane.ports.audit import AuditQuery, AuditStore
from control_plane.ports.errors import UnavailableError
from control_plane.ports.peering import PartnerViews
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.fitness import Observations
from control_plane.store.database import Database

LOOK = 1.0  # seconds between looks at what other replicas have stored
SLACK = timedelta(seconds=10)  # by which a gateway's events may come late
MOST = 1000  # events that one look reads
_KINDS = (EventType.CIRCUIT_OPENED, EventType.CIRCUIT_CLOSED, EventType.NODE_CHECKED)

_log = structlog.get_logger()


class FitnessWatch:
    """``observations`` hear of everything that this replica stores; ``run`` tells them what others stored."""

    def __init__(
        self, audit: AuditStore, federator: Federator, tuning: Tuning, *, views: PartnerViews | None
    ) -> None:
        self._audit = audit
        self._views = views
        self._past = timedelta(seconds=max(tuning.circuit_open_max, 600.0))
        self._silent: frozenset[str] = frozenset()
        self.observations = Observations(
            tuning,
            clock=lambda: datetime.now(UTC).timestamp(),
            node_at=federator.node_at,
            steering=federator.world.steering,
            silent=lambda organisation: organisation in self._silent,
        )

    @classmethod
    def of(
        cls, database: Database, federator: Federator, tuning: Tuning, partnership: Partnership | None
    ) -> "FitnessWatch":
        """With the partners' heartbeats, where there are any."""
        views = partnership.parts.views if partnership else None
        watch = cls(database.audit, federator, tuning, views=views)
        if partnership:
            partnership.remarks.look(watch.observations, admission=federator.admission)
        return watch

    async def run(self) -> None:
        """Read what happened before, then look every second, until cancelled."""
        since = datetime.now(UTC) - self._past
        while True:
            began = datetime.now(UTC)
            try:
                await self._look(since)
                since = began - SLACK
            except UnavailableError as error:
                _log.warning("what gateways saw is not read", error=str(error))
            await asyncio.sleep(LOOK)

    async def _look(self, since: datetime) -> None:
        found = []
        for kind in _KINDS:
            found += await self._audit.query(AuditQuery(event_type=kind, since=since, limit=MOST))
        self.observations.take(sorted(found, key=lambda event: event.timestamp))
        if self._views is not None:
            views = await self._views.views()
            self._silent = frozenset(view.organisation for view in views if view.heard_at and view.stale)
