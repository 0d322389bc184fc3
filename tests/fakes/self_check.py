"""The database as a check sees it, and partners' views, as a test wants them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import BundleSource, BundleState, PartnerView
from control_plane.ports.errors import UnavailableError
from control_plane.ports.self_check import DatabaseFacts


@dataclass
class FakeLook:
    """Implements ports.self_check.DatabaseLook; its clock is ``ahead`` of ours."""

    down: bool = False
    ahead: timedelta = timedelta()
    connections: int = 3
    asked: threading.Event = field(default_factory=threading.Event)  # that somebody looked

    async def look(self) -> DatabaseFacts:
        self.asked.set()
        if self.down:
            raise UnavailableError("the database does not answer: connection refused")
        return DatabaseFacts(
            version="17.2",
            now=datetime.now(UTC) + self.ahead,
            seconds=0.001,
            connections=self.connections,
            connections_most=100,
        )


@dataclass
class FakeViews:
    """Implements ports.peering.PartnerViews with what a test puts in."""

    known: Sequence[PartnerView] = ()

    async def views(self, *, after: str = "", limit: int | None = None) -> list[PartnerView]:
        found = sorted(self.known, key=lambda view: view.organisation)
        return [view for view in found if view.organisation > after][:limit]


@dataclass
class FakeKeeping:
    """Implements ports.peering.BundleKeeping with what a test puts in; nothing is fetched."""

    known: list[BundleState] = field(default_factory=list)
    refreshed: list[TrustDomain] = field(default_factory=list)

    async def states(self, *, after: str = "", limit: int | None = None) -> list[BundleState]:
        found = sorted(self.known, key=lambda state: state.source.organisation)
        return [state for state in found if state.source.organisation > after][:limit]

    async def follow(self, source: BundleSource, *, actor: str) -> None:
        del actor
        self.known = [BundleState(source=source)]

    async def refresh(self, organisation: TrustDomain) -> None:
        self.refreshed.append(organisation)

    async def approve(self, organisation: TrustDomain, *, actor: str) -> Bundle:
        del actor
        return Bundle(organisation, (), sequence=7)
