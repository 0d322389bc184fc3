"""What the API of its benchmark works with beside the database: ten thousand of what is kept in memory."""

from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any, cast

from bench.api_fill import MARK
from control_plane.admin.dependencies import PeeringParts
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.delivery import Difference, Progress
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER
from control_plane.peering.assemble import Needs, Peering
from control_plane.peering.options import Options
from control_plane.reconcile.fitness import Observations
from control_plane.store.database import Database
from control_plane.trust.authority import Authority
from control_plane.trust.bundles import PartnerBundles
from control_plane.trust.watch import Watch
from tests.fakes.peering import FakeInvitations
from tests.unit.admin.world import OWN, FakeStreams

_DAY = 86_400.0


def _now() -> datetime:
    return datetime.now(UTC)


def peering(database: Database) -> PeeringParts:
    """Partners, invitations and the following of bundles, as the database has them; nobody is spoken to."""
    nobody = cast("Any", None)
    made = Peering.of(
        Options(own=OWN),
        Needs(
            objects=database.objects,
            audit=database.audit,
            invitations=database.invitations,
            partners=database.partners,
            singleton=database.singleton,
            credentials=nobody,
            bundle=lambda: Bundle(OWN, ()),
            now=_now,
        ),
    )
    bundles = PartnerBundles(
        objects=database.objects,
        store=database.bundle_states,
        fetcher=nobody,
        singleton=database.singleton,
        audit=database.audit,
        own=OWN,
        now=_now,
    )
    return PeeringParts(inviting=made.inviter, joining=made.joiner, views=made.hearing, bundles=bundles)


def expiries(database: Database, directory: Path) -> Watch:
    """The dates of everybody's anchors."""
    return Watch(
        own=OWN,
        authority=Authority.open(directory / "ca", OWN, now=_now()),
        objects=database.objects,
        issued=database.issued,
        invitations=FakeInvitations(),
        clock=_now,
    )


def fitness(number: int) -> Observations:
    """As many open circuits."""
    seen = Observations(
        Tuning(circuit_open=_DAY, circuit_open_max=_DAY),
        clock=time,
        node_at=lambda address, _: address,
        steering={},
    )
    seen.take(
        AuditEvent(
            event_id=f"c-{n}",
            reporter="gateway-1",
            row_id=f"c-{n}",
            timestamp=_now(),
            event_type=EventType.CIRCUIT_OPENED,
            resource="orders@luebeck.example",
            reason="consecutive_5xx",
            metadata={"upstream_url": f"n-{n:08}@luebeck.example", "num_ejections": "1"},
        )
        for n in range(number)
    )
    return seen


def streams(number: int) -> FakeStreams:
    """One gateway that has yet to get as many resources."""
    waiting = tuple(
        Difference(CLUSTER, f"import/{n:08}", "0a1b2c3d", Progress.WAITING) for n in range(number)
    )
    return FakeStreams({MARK: waiting})
