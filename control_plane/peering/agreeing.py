"""Taking over what a proven partner said of itself: its addresses, its trust anchors and its gateways."""

from dataclasses import dataclass

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import BundleSource
from control_plane.peering import decide
from control_plane.peering.decide import Introduced
from control_plane.peering.options import Options
from control_plane.peering.refusal import RefusedError
from control_plane.ports.errors import ConflictError, MissingError
from control_plane.ports.objects import Objects, Stored
from control_plane.ports.peering import Partners

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreeing:
    """Both sides of a join end here."""

    options: Options
    objects: Objects
    partners: Partners

    async def agreement(self, organisation: TrustDomain) -> Agreement | None:
        """What we decided about an organisation."""
        stored = await self.objects.get(Kind.AGREEMENT, organisation)
        return stored.value if stored and isinstance(stored.value, Agreement) else None

    async def may_begin(self, organisation: TrustDomain) -> None:
        """Raise RefusedError unless a join with this organisation may begin."""
        decide.may_begin(await self.agreement(organisation), organisation, own=self.options.own)

    async def take(self, found: Introduced) -> AgreementState:
        """Write agreement, bundle and nodes in one transaction; the agreement's state then.

        Raises RefusedError when operators decided otherwise meanwhile, ``changed_meanwhile`` when they go on
        doing so.
        """
        organisation = found.bundle.organisation
        # First, and harmless without an agreement: so there is never an agreement whose partner cannot be
        # found.
        source = BundleSource.of_peer(organisation, found.addresses)
        await self.partners.introduce(organisation, found.addresses, source)
        for _ in range(_ATTEMPTS):
            state, writes = decide.join_writes(
                found, await self._present(found), own=self.options.own, automatic=self.options.automatic
            )
            try:
                await self.objects.write(writes, actor=f"partner {organisation}")
            except (ConflictError, MissingError):
                continue
            return state
        raise RefusedError(
            "changed_meanwhile", f"the agreement with {organisation} is being changed: try again"
        )

    async def _present(self, found: Introduced) -> dict[tuple[Kind, str], Stored]:
        organisation = found.bundle.organisation
        keys = [(Kind.AGREEMENT, str(organisation)), (Kind.BUNDLE, str(organisation))]
        keys += [(Kind.NODE, node.key) for node in found.nodes]
        stored = [await self.objects.get(kind, key) for kind, key in keys]
        return {key: one for key, one in zip(keys, stored, strict=True) if one is not None}
