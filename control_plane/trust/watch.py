"""The watch over expiry: gathers what ends from the authority and the database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.model.bundle import Bundle
from control_plane.model.change import Item, Kind
from control_plane.model.expiry import Dated, DatedKind, Expiring, ExpiryPage
from control_plane.model.identity import TrustDomain
from control_plane.ports.certificates import IssuedLog, OpenInvitations, OwnAuthority
from control_plane.ports.objects import Objects
from control_plane.trust import expiry
from control_plane.trust.expiry import Ending

_AT_ONCE = 200  # bundles that are read before anything else gets its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Implements ports.certificates.Expiries.

    What partners' bundles say is kept, and read again when they change: to read thousands of certificates
    takes seconds.
    """

    own: TrustDomain
    authority: OwnAuthority
    objects: Objects
    issued: IssuedLog
    invitations: OpenInvitations
    clock: Callable[[], datetime]
    _seen: "_Seen" = field(default_factory=lambda: _Seen(), repr=False)  # noqa: PLW0108 - it is defined below

    async def all(self) -> tuple[Expiring, ...]:
        """Everything that ends, the most urgent first."""
        return expiry.watch(await self._endings(), self.clock())

    async def page(self, *, after: str, limit: int) -> ExpiryPage:
        """At most ``limit`` in that order, after a page's ``next``."""
        return expiry.page(await self._endings(), self.clock(), after=after, limit=limit)

    async def _endings(self) -> list[Ending]:
        async with self._seen.lock:
            await self._seen.look(self.objects)
        own = [*self.authority.dates(), *await self._leaves(), *await self._invitations()]
        return [*map(Ending.of, own), *(one for some in self._seen.bundles.values() for one in some)]

    async def _leaves(self) -> list[Dated]:
        """Of the gateways that are still registered."""
        return [
            Dated(
                subject=f"gateway {issued.gateway}",
                kind=DatedKind.LEAF,
                organisation=self.own,
                not_before=issued.not_before,
                not_after=issued.not_after,
            )
            for issued in await self.issued.all()
            if issued.gateway in self._seen.gateways
        ]

    async def _invitations(self) -> list[Dated]:
        return [
            Dated(
                subject=f"invitation {one.id} for {one.organisation}",
                kind=DatedKind.INVITATION,
                organisation=one.organisation,
                not_before=one.expires_at,  # when it was made does not matter: it is meant to end
                not_after=one.expires_at,
            )
            for one in await self.invitations.open()
        ]


@dataclass(slots=True)
class _Seen:
    """What the stored objects said when they were last looked at, up to ``revision``."""

    revision: int = 0
    bundles: dict[str, tuple[Ending, ...]] = field(default_factory=dict)
    gateways: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, objects: Objects) -> None:
        """Take over what is different now; UnavailableError leaves what was."""
        change = await objects.changes(self.revision, kinds=(Kind.BUNDLE, Kind.GATEWAY))
        bundles = [item for item in change.items if item.kind is Kind.BUNDLE]
        for first in range(0, len(bundles), _AT_ONCE):
            some = bundles[first : first + _AT_ONCE]
            self.bundles |= await asyncio.to_thread(_endings_of, some)
        for item in change.items:
            if item.kind is Kind.GATEWAY:
                (self.gateways.discard if item.value is None else self.gateways.add)(item.key)
        self.revision = change.revision


def _endings_of(bundles: list[Item]) -> dict[str, tuple[Ending, ...]]:
    """What ends with each bundle: nothing with one that is gone."""
    return {
        item.key: tuple(map(Ending.of, expiry.of_bundle(item.value)))
        if isinstance(item.value, Bundle)
        else ()
        for item in bundles
    }
