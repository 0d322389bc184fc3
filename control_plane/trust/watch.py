"""The watch over expiry: gathers what ends from the authority and the database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.expiry import Dated, DatedKind, Expiring
from control_plane.model.identity import TrustDomain
from control_plane.ports.certificates import IssuedLog, OpenInvitations, OwnAuthority
from control_plane.ports.objects import Objects
from control_plane.trust import expiry

_PAGE = 200  # bundles that are read before anything else gets its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Implements ports.certificates.Expiries."""

    own: TrustDomain
    authority: OwnAuthority
    objects: Objects
    issued: IssuedLog
    invitations: OpenInvitations
    clock: Callable[[], datetime]

    async def all(self) -> tuple[Expiring, ...]:
        """Everything that ends, the most urgent first."""
        found = [*self.authority.dates(), *await self._leaves(), *await self._invitations()]
        after = ""
        while page := await self.objects.page(Kind.BUNDLE, after=after, limit=_PAGE):
            bundles = [stored.value for stored in page if isinstance(stored.value, Bundle)]
            found += await asyncio.to_thread(_of_bundles, bundles)
            after = page[-1].key
        return expiry.watch(found, self.clock())

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
            if await self.objects.get(Kind.GATEWAY, issued.gateway) is not None
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


def _of_bundles(bundles: list[Bundle]) -> list[Dated]:
    return [one for bundle in bundles for one in expiry.of_bundle(bundle)]
