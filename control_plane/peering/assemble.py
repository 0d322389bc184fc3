"""Peering as a whole: what ``app`` makes of its settings and ports, and runs."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import Remark
from control_plane.peering.agreeing import Agreeing
from control_plane.peering.auditing import Auditing, AuditStores, Schedule, Shared
from control_plane.peering.client import Outward
from control_plane.peering.endpoint import PeeringEndpoint
from control_plane.peering.heartbeats import Beating, Hearing, nobody, nothing_wrong
from control_plane.peering.inviting import Inviter
from control_plane.peering.joining import Joiner
from control_plane.peering.listener import Limits
from control_plane.peering.options import Options
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.receiving import Receiving
from control_plane.peering.record import Recorder
from control_plane.ports.audit import AuditStore
from control_plane.ports.objects import Objects
from control_plane.ports.peering import Credentials, Invitations, Partners, Singleton


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What peering needs of the rest.

    ``credentials`` (the control plane's own) and ``bundle`` (our anchors) are asked at every use.
    ``fetch_soon`` is told of partners who have another bundle than the one we hold. ``phase`` says how far
    our gateways work with a partner's bundle.
    """

    objects: Objects
    audit: AuditStore
    invitations: Invitations
    partners: Partners
    singleton: Singleton
    credentials: Callable[[], Credentials]
    bundle: Callable[[], Bundle]
    now: Callable[[], datetime]
    fetch_soon: Callable[[TrustDomain], Awaitable[None]] = nobody
    phase: Callable[[TrustDomain], str] = lambda _: ""
    remarks: Callable[[TrustDomain], Awaitable[tuple[Remark, ...]]] = nothing_wrong
    audits: AuditStores | None = None  # None: audits are not compared
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peering:
    """Its parts; others use ``inviter``, ``joiner``, ``hearing`` (for views) and ``outward`` (to fetch)."""

    inviter: Inviter
    joiner: Joiner
    hearing: Hearing
    outward: Outward
    endpoint: PeeringEndpoint
    beating: Beating
    recorder: Recorder
    auditing: Auditing | None

    @classmethod
    def of(cls, options: Options, needs: Needs, *, limits: Limits | None = None) -> "Peering":
        """Put the parts together; nothing runs yet."""
        ourselves = Ourselves(
            options=options,
            objects=needs.objects,
            credentials=needs.credentials,
            bundle=needs.bundle,
            now=needs.now,
        )
        agreeing = Agreeing(options=options, objects=needs.objects, partners=needs.partners)
        recorder = Recorder(needs.audit, own=options.own, now=needs.now)
        outward = Outward(options.policy)
        receiving = Receiving(
            ourselves=ourselves, agreeing=agreeing, invitations=needs.invitations, recorder=recorder
        )
        hearing = Hearing(
            ourselves=ourselves,
            objects=needs.objects,
            partners=needs.partners,
            recorder=recorder,
            fetch_soon=needs.fetch_soon,
        )
        auditing = None
        if needs.audits is not None:
            auditing = Auditing.of(
                ourselves,
                needs.audits,
                Shared(needs.objects, needs.partners, needs.singleton, recorder),
                needs.schedule,
            )
        return cls(
            inviter=Inviter(
                ourselves=ourselves, agreeing=agreeing, invitations=needs.invitations, recorder=recorder
            ),
            joiner=Joiner(ourselves=ourselves, agreeing=agreeing, outward=outward, recorder=recorder),
            hearing=hearing,
            outward=outward,
            endpoint=PeeringEndpoint(
                ourselves=ourselves,
                receiving=receiving,
                hearing=hearing,
                more=auditing.handlers if auditing else None,
                limits=limits,
            ),
            beating=Beating(
                ourselves=ourselves,
                objects=needs.objects,
                partners=needs.partners,
                outward=outward,
                singleton=needs.singleton,
                phase=needs.phase,
                remarks=needs.remarks,
            ),
            recorder=recorder,
            auditing=auditing,
        )

    async def run(self, listening: socket.socket) -> None:
        """Serve on a bound socket, send heartbeats and write what was refused, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.endpoint.run(listening), name="peering endpoint")
            group.create_task(self.beating.run(), name="heartbeats")
            group.create_task(self.recorder.run(), name="refusals")
            if self.auditing:
                group.create_task(self.auditing.run(), name="auditing")
