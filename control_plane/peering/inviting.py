"""Our side of an invitation: making the token."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.model.identity import TrustDomain
from control_plane.model.peering import Invitation, OpenInvitation
from control_plane.model.problem import InvalidValueError
from control_plane.peering import proof, token
from control_plane.peering.agreeing import Agreeing
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.token import Token
from control_plane.ports.errors import MissingError
from control_plane.ports.peering import Invitations, StoredInvitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Inviter:
    """Implements ports.peering.Inviting."""

    ourselves: Ourselves
    agreeing: Agreeing
    invitations: Invitations
    recorder: Recorder

    async def invite(
        self, organisation: TrustDomain, *, now: datetime, lifetime: float, actor: str
    ) -> Invitation:
        """Make a token for ``organisation`` that can be used once within ``lifetime`` seconds."""
        options = self.ourselves.options
        self.ourselves.require_addresses()
        if not options.invitation_least <= lifetime <= options.invitation_most:
            raise InvalidValueError(
                "bad_lifetime",
                f"expected a lifetime of {options.invitation_least} to {options.invitation_most} s, got"
                f" {lifetime:g}",
            )
        await self.agreeing.may_begin(organisation)
        made = Token(
            id=secrets.token_hex(token.ID_BYTES),
            secret=secrets.token_bytes(token.SECRET_BYTES),
            inviter=options.own,
            invited=organisation,
            addresses=options.addresses,
            anchors=self.ourselves.bundle().anchors,
            until=int((now + timedelta(seconds=lifetime)).timestamp()),
        )
        text = token.render(made)
        kept = StoredInvitation(
            id=made.id,
            organisation=organisation,
            digest=token.digest(text),
            verifier=proof.verifier(made.secret),
        )
        metadata = {"invitation": made.id}
        await self.recorder.done(Note("peering.invite", actor, organisation, metadata))
        expires = await self.invitations.issue(
            kept, seconds=int(lifetime), actor=actor, most=options.invitations
        )
        if expires is None:
            raise RefusedError(
                "too_many_invitations",
                f"expected at most {options.invitations} open invitations of {organisation}: wait until"
                " one expires",
            )
        return Invitation(
            organisation=organisation, token=text, words=self.ourselves.words(), expires_at=expires
        )

    async def listed(
        self, *, organisation: str = "", after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[OpenInvitation]:
        """Those whose token can be used now; the first to expire comes first."""
        return await self.invitations.open(organisation=organisation, after=after, limit=limit)

    async def withdraw(self, invitation_id: str, *, actor: str) -> None:
        """Make a token useless, which went astray; MissingError when it cannot be used anyway."""
        await self.recorder.done(Note("peering.withdraw", actor, "", {"invitation": invitation_id[:64]}))
        if not await self.invitations.withdraw(invitation_id):
            raise MissingError(f"there is no open invitation {invitation_id[:64]}")
