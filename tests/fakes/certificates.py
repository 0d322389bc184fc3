"""What is known of certificates, in memory."""

from collections import Counter
from datetime import datetime

from control_plane.model.expiry import Expiring, ExpiryPage, Urgency
from control_plane.model.problem import InvalidValueError
from control_plane.model.rotation import RotationView
from control_plane.ports.certificates import Crossing, Issued


class FakeIssued:
    """Implements ports.certificates.IssuedLog."""

    def __init__(self) -> None:
        self.noted: dict[str, Issued] = {}

    async def note(self, issued: Issued) -> None:
        self.noted[issued.gateway] = issued

    async def all(self) -> list[Issued]:
        return [self.noted[gateway] for gateway in sorted(self.noted)]


class FakeTraffic:
    """Implements ports.certificates.Traffic: requests at given moments."""

    def __init__(self) -> None:
        self.requests: list[tuple[datetime, Crossing]] = []

    async def passed(self, since: datetime, until: datetime) -> frozenset[Crossing]:
        return frozenset(crossing for at, crossing in self.requests if since <= at < until)


class FakeExpiries:
    """Implements ports.certificates.Expiries with what a test puts in."""

    def __init__(self) -> None:
        self.items: tuple[Expiring, ...] = ()

    async def all(self) -> tuple[Expiring, ...]:
        return self.items

    async def page(self, *, after: str, limit: int) -> ExpiryPage:
        ranks = [level.name.lower() for level in sorted(Urgency, reverse=True)]
        items = sorted(self.items, key=lambda item: ranks.index(item.severity))
        named = [(f"{number:06}", item) for number, item in enumerate(items)]
        rest = [(name, item) for name, item in named if name > after]
        return ExpiryPage(
            items=tuple(item for _, item in rest[:limit]),
            next=rest[limit - 1][0] if len(rest) > limit else None,
            counts=Counter(item.severity for item in self.items),
            first=items[0] if items else None,
        )


class FakeRotations:
    """Implements ports.certificates.Rotations: remembers who did what."""

    def __init__(self) -> None:
        self.deeds: list[tuple[str, ...]] = []
        self.phase = ""

    async def show(self) -> RotationView:
        return RotationView(phase=self.phase, summary="as a test wants it", sequence=7)

    async def start(self, *, actor: str) -> RotationView:
        if self.phase:
            raise InvalidValueError("rotation_in_progress", "expected no rotation under way")
        self.phase = "announced"
        self.deeds.append(("start", actor))
        return await self.show()

    async def abort(self, *, actor: str) -> RotationView:
        self.phase = ""
        self.deeds.append(("abort", actor))
        return await self.show()

    async def confirm(self, name: str, *, actor: str) -> RotationView:
        self.deeds.append(("confirm", name, actor))
        return await self.show()
