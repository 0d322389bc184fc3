"""What a change of anchors is decided by, gathered from the database."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import SpiffeId
from control_plane.model.rotation import Phase
from control_plane.ports.certificates import IssuedLog, Traffic
from control_plane.ports.objects import Objects, Stored
from control_plane.ports.peering import Partners
from control_plane.trust.rotation import BUSY_WITHIN, Facts, PartnerFacts, Rotation, proof_since
from control_plane.trust.takeover import sequence_of

_LATE = timedelta(minutes=2)  # how late a row may arrive and still be seen
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the facts are. ``signer`` is the authority's.

    ``longest`` is how long a connection lives at most, ours and, as far as we can know, partners': what
    passes later was on a connection that was made after the switch.
    """

    objects: Objects
    partners: Partners
    issued: IssuedLog
    traffic: Traffic
    signer: Callable[[SpiffeId], str]
    longest: timedelta

    async def facts(self, rotation: Rotation | None, now: datetime) -> Facts:
        """What the present step is decided by."""
        if rotation is None:
            return Facts(now=now)
        facts = Facts(now=now, partners=await self._partners(), behind=await self._behind())
        if rotation.phase is Phase.TAKEN_OVER:
            busy = await self.traffic.passed(now - BUSY_WITHIN, now)
            trusted = {partner.organisation for partner in facts.partners}
            return replace(facts, busy=frozenset(one for one in busy if one.organisation in trusted))
        since = proof_since(rotation, self.longest)
        if since is not None and since < now:
            crossed = await self.traffic.passed(max(since, now - _LATE), now)
            return replace(facts, crossed=crossed)
        return facts

    async def _partners(self) -> tuple[PartnerFacts, ...]:
        """Every trusted partner, with what its last heartbeat said."""
        heard = {record.organisation: record.heard for record in await self.partners.all()}
        found = []
        for stored in await self._all(Kind.AGREEMENT):
            agreement = stored.value
            if not isinstance(agreement, Agreement) or agreement.state is not AgreementState.TRUSTED:
                continue
            view = heard.get(agreement.organisation)
            facts = PartnerFacts(agreement.organisation)
            if view is not None:
                facts = PartnerFacts(agreement.organisation, view.sequence, sequence_of(view.phase))
            found.append(facts)
        return tuple(found)

    async def _behind(self) -> tuple[str, ...]:
        """Our gateways whose last certificate is not of the present signer."""
        signers = {issued.gateway: issued.signer for issued in await self.issued.all()}
        gateways = [one.value for one in await self._all(Kind.GATEWAY) if isinstance(one.value, Gateway)]
        return tuple(
            gateway.id
            for gateway in gateways
            if signers.get(gateway.id) != self.signer(SpiffeId(gateway.spiffe_id))
        )

    async def _all(self, kind: Kind) -> list[Stored]:
        found: list[Stored] = []
        while page := await self.objects.page(kind, after=found[-1].key if found else "", limit=_PAGE):
            found += page
        return found
