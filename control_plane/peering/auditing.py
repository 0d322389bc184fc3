"""What partners' control planes do with each other's audits, put together and run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from control_plane.peering.answering import Answering, Privacy
from control_plane.peering.audit_channel import AuditChannel
from control_plane.peering.client import Outward
from control_plane.peering.comparing import Comparing
from control_plane.peering.offering import Offering
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.paths import AUDIT, AUDIT_HEADS
from control_plane.peering.receiving import Caller
from control_plane.peering.reconciling import Reconciler
from control_plane.peering.record import Recorder
from control_plane.peering.witnessing import Witnessing
from control_plane.ports.heads import HeadKeeping, OwnHeads
from control_plane.ports.objects import Objects
from control_plane.ports.peering import Partners, Singleton
from control_plane.ports.reconciliation import Crossings, Reconciliations

DEADLINE = 25.0  # seconds of one exchange; less than a connection lives


@dataclass(frozen=True, slots=True)
class AuditStores:
    """The audit as crossings and as a log, and where reports and heads are kept."""

    crossings: Crossings
    reports: Reconciliations
    heads: HeadKeeping
    log: OwnHeads


@dataclass(frozen=True, slots=True)
class Shared:
    """What auditing has in common with the rest of peering."""

    objects: Objects
    partners: Partners
    singleton: Singleton
    recorder: Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often audits are compared and heads offered (seconds), and what of rows partners see."""

    reconcile: float = 3600.0
    heads: float = 3600.0
    privacy: Privacy = field(default_factory=Privacy)


@dataclass(frozen=True, slots=True)
class Auditing:
    """Its parts; others use ``reconciler`` (on demand) and ``offering``."""

    answering: Answering
    reconciler: Reconciler
    witnessing: Witnessing
    offering: Offering

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
            witnessing=Witnessing(channel=channel, kept=stores.heads, recorder=shared.recorder),
            offering=Offering(
                channel=channel,
                log=stores.log,
                kept=stores.heads,
                partners=shared.partners,
                singleton=shared.singleton,
                recorder=shared.recorder,
                every=schedule.heads,
            ),
        )

    @property
    def handlers(self) -> Mapping[str, Callable[[bytes, Caller], Awaitable[bytes]]]:
        """What the peering endpoint serves of it."""
        return {AUDIT: self.answering.answer, AUDIT_HEADS: self.witnessing.witness}

    async def run(self) -> None:
        """Compare and offer on schedule until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.reconciler.run(), name="reconciliation")
                group.create_task(self.offering.run(), name="audit heads")
        finally:
            self.answering.shelf.close()
