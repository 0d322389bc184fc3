"""In-memory stores of peering that pass the same contract suite as the PostgreSQL ones."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from control_plane.model.identity import TrustDomain
from control_plane.model.peering import (
    BundleSource,
    BundleState,
    OpenInvitation,
    PartnerRecord,
    PeeringAddress,
    View,
)
from control_plane.ports.errors import MissingError
from control_plane.ports.peering import Fetched, Found, Redeemed, StoredInvitation

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


class FakeInvitations:
    """Implements ports.peering.Invitations."""

    def __init__(self, *, now: Clock = system_clock) -> None:
        self._now = now
        self._invitations: dict[str, tuple[StoredInvitation, datetime]] = {}
        self._actors: dict[str, str] = {}
        self._challenges: dict[str, tuple[str, datetime]] = {}
        self._spent: dict[tuple[str, str], TrustDomain] = {}

    async def issue(
        self, invitation: StoredInvitation, *, seconds: int, actor: str, most: int
    ) -> datetime | None:
        now = self._now()
        same = [end for one, end in self._invitations.values() if one.organisation == invitation.organisation]
        if sum(end > now for end in same) >= most:
            return None
        expires = now + timedelta(seconds=seconds)
        self._invitations[invitation.id] = invitation, expires
        self._actors[invitation.id] = actor
        return expires

    async def find(self, invitation_id: str) -> StoredInvitation | None:
        kept = self._invitations.get(invitation_id)
        if kept is not None:
            return replace(kept[0], state=Found.GOOD if kept[1] > self._now() else Found.EXPIRED)
        used = self._spent.get(("invitation", invitation_id))
        if used is None:
            return None
        return StoredInvitation(id=invitation_id, organisation=used, digest="", verifier="", state=Found.USED)

    async def challenge(self, invitation_id: str, nonce: str, *, seconds: int, most: int) -> bool:
        now = self._now()
        if sum(one == invitation_id and end > now for one, end in self._challenges.values()) >= most:
            return False
        self._challenges[nonce] = invitation_id, now + timedelta(seconds=seconds)
        return True

    async def redeem(self, invitation_id: str, nonce: str) -> Redeemed:
        found = Redeemed(self._challenge(nonce, invitation_id), await self._invitation(invitation_id))
        if found == (Found.GOOD, Found.GOOD):
            organisation = self._invitations.pop(invitation_id)[0].organisation
            del self._challenges[nonce]
            self._spent["invitation", invitation_id] = organisation
            self._spent["challenge", nonce] = organisation
        return found

    async def open(
        self, *, organisation: str = "", after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[OpenInvitation]:
        now = self._now()
        found = [
            OpenInvitation(
                id=name, organisation=one.organisation, actor=self._actors[name], expires_at=expires
            )
            for name, (one, expires) in self._invitations.items()
            if expires > now and organisation in {"", one.organisation}
        ]
        rest = [one for one in found if after is None or (one.expires_at, one.id) > after]
        return sorted(rest, key=lambda one: (one.expires_at, one.id))[:limit]

    async def withdraw(self, invitation_id: str) -> bool:
        kept = self._invitations.get(invitation_id)
        if kept is None or kept[1] <= self._now():
            return False
        del self._invitations[invitation_id]
        return True

    def _challenge(self, nonce: str, invitation_id: str) -> Found:
        kept = self._challenges.get(nonce)
        if kept is None:
            return Found.USED if ("challenge", nonce) in self._spent else Found.UNKNOWN
        if kept[1] <= self._now():
            return Found.EXPIRED
        return Found.GOOD if kept[0] == invitation_id else Found.OTHERS

    async def _invitation(self, invitation_id: str) -> Found:
        found = await self.find(invitation_id)
        return Found.UNKNOWN if found is None else found.state


@dataclass
class _Row:
    addresses: tuple[PeeringAddress, ...] = ()
    sent_sequence: int = 0
    view: View | None = None
    sent_at: datetime | None = None
    send_error: str = ""
    heard_sequence: int = -1
    heard: View | None = None
    heard_at: datetime | None = None


class FakePartners:
    """Implements ports.peering.Partners; shares its sources with FakeBundleStates."""

    def __init__(self, states: "FakeBundleStates", *, now: Clock = system_clock) -> None:
        self._states = states
        self._now = now
        self._rows: dict[TrustDomain, _Row] = {}

    async def introduce(
        self, organisation: TrustDomain, addresses: Sequence[PeeringAddress], source: BundleSource
    ) -> None:
        self._rows.setdefault(organisation, _Row()).addresses = tuple(addresses)
        await self._states.follow(source)

    async def get(self, organisation: TrustDomain) -> PartnerRecord | None:
        row = self._rows.get(organisation)
        return None if row is None else self._record(organisation, row)

    async def all(self, *, after: str = "", limit: int | None = None) -> list[PartnerRecord]:
        return [self._record(name, self._rows[name]) for name in sorted(self._rows) if name > after][:limit]

    async def number(self, organisation: TrustDomain, view: View) -> tuple[int, int]:
        row = self._rows.get(organisation)
        if row is None:
            raise MissingError(f"expected a partner that was introduced, got {organisation}")
        row.sent_sequence = max(row.sent_sequence + 1, int(self._now().timestamp() * 1000))
        known = row.view
        if known is None or (known.state, known.paused) != (view.state, view.paused):
            row.view = known = view
        return row.sent_sequence, known.since

    async def sent(self, organisation: TrustDomain, error: str) -> None:
        row = self._rows.get(organisation)
        if row is not None:
            row.send_error = error
            row.sent_at = row.sent_at if error else self._now()

    async def heard(self, organisation: TrustDomain, sequence: int, view: View) -> bool:
        row = self._rows.setdefault(organisation, _Row())
        if sequence <= row.heard_sequence:
            return False
        row.heard_sequence, row.heard, row.heard_at = sequence, view, self._now()
        return True

    def _record(self, organisation: TrustDomain, row: _Row) -> PartnerRecord:
        return PartnerRecord(
            organisation=organisation,
            addresses=row.addresses,
            heard=row.heard,
            heard_at=row.heard_at,
            sent_at=row.sent_at,
            send_error=row.send_error,
            read_at=self._now(),
        )


class FakeBundleStates:
    """Implements ports.peering.BundleStates."""

    def __init__(self, *, now: Clock = system_clock) -> None:
        self._now = now
        self._states: dict[TrustDomain, BundleState] = {}

    async def all(self, *, after: str = "", limit: int | None = None) -> list[BundleState]:
        return [self._states[name] for name in sorted(self._states) if name > after][:limit]

    async def due(self) -> list[BundleState]:
        now = self._now()
        return [state for state in await self.all() if state.due_at is not None and state.due_at <= now]

    async def follow(self, source: BundleSource) -> None:
        present = self._states.get(source.organisation)
        fetched_at = present.fetched_at if present else None
        self._states[source.organisation] = BundleState(
            source=source, fetched_at=fetched_at, due_at=self._now()
        )

    async def fetched(
        self,
        organisation: TrustDomain,
        outcome: Fetched,
        *,
        due_at: datetime | None = None,
        spacing: float = 0,
    ) -> None:
        state = self._states.get(organisation)
        if state is None:
            return
        asked = due_at is not None and due_at != state.due_at
        seconds = min(outcome.seconds, spacing) if asked else outcome.seconds
        self._states[organisation] = replace(
            state,
            fetched_at=self._now(),
            due_at=self._now() + timedelta(seconds=seconds),
            code=outcome.code,
            detail=outcome.detail,
            failures=state.failures + 1 if outcome.failed else 0,
            held=state.held if outcome.held is None else outcome.held,
        )

    async def hurry(self, organisation: TrustDomain, *, spacing: float) -> None:
        state = self._states.get(organisation)
        if state is None or state.due_at is None:
            return
        now = self._now()
        earliest = now if state.fetched_at is None else state.fetched_at + timedelta(seconds=spacing)
        self._states[organisation] = replace(state, due_at=max(now, min(state.due_at, earliest)))


class _Held:
    async def held(self) -> bool:
        return True


class FakeSingleton:
    """Implements ports.peering.Singleton for one process."""

    @asynccontextmanager
    async def hold(self, _name: str) -> AsyncIterator[_Held]:
        yield _Held()
