"""What partners' control planes do with each other's audits, put together and run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from control_plane.peering.answering import Answering, Privacy
from control_plane.peering.audit_channel import AuditChannel
from control_plane.peering.client import Outward
from control_plane.peering.comparing import Comparing
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.paths import AUDIT
from control_plane.peering.receiving import Caller
from control_plane.peering.reconciling import Reconciler
from control_plane.peering.record import Recorder
from control_plane.ports.objects import Objects
from control_plane.ports.peering import Partners, Singleton
from control_plane.ports.reconciliation import Crossings, Reconciliations

DEADLINE = 25.0  # seconds of one exchange; less than a connection lives


@dataclass(frozen=True, slots=True)
class AuditStores:
    """The audit as crossings, and where reports are kept."""

    crossings: Crossings
    reports: Reconciliations


@dataclass(frozen=True, slots=True)
class Shared:
    """What auditing has in common with the rest of peering."""

    objects: Objects
    partners: Partners
    singleton: Singleton
    recorder: Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often audits are compared (seconds), and what of them partners see."""

    reconcile: float = 3600.0
    privacy: Privacy = field(default_factory=Privacy)


@dataclass(frozen=True, slots=True)
class Auditing:
    """Its parts; others use ``reconciler`` (on demand)."""

    answering: Answering
    reconciler: Reconciler

    @classmethod
    def of(cls, ourselves: Ourselves, stores: AuditStores, shared: Shared, schedule: Schedule) -> "Auditing":
        """Put the parts together; nothing runs yet."""
        channel = AuditChannel(
            ourselves=ourselves,
            objects=shared.objects,
            partners=shared.partners,
            outward=Outward(ourselves.options.policy, deadline=DEADLINE),
        )
        comparing = Comparing(channel=channel, crossings=stores.crossings, privacy=schedule.privacy)
        return cls(
            answering=Answering(
                channel=channel,
                crossings=stores.crossings,
                recorder=shared.recorder,
                privacy=schedule.privacy,
            ),
            reconciler=Reconciler(
                comparing=comparing,
                reports=stores.reports,
                partners=shared.partners,
                singleton=shared.singleton,
                recorder=shared.recorder,
                every=schedule.reconcile,
            ),
        )

    @property
    def handlers(self) -> Mapping[str, Callable[[bytes, Caller], Awaitable[bytes]]]:
        """What the peering endpoint serves of it."""
        return {AUDIT: self.answering.answer}

    async def run(self) -> None:
        """Compare on schedule until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.reconciler.run(), name="reconciliation")
        finally:
            self.answering.shelf.close()
