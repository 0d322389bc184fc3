"""Becoming partners, as an operator's desk sees it."""

from datetime import datetime, timedelta

from control_plane.model.agreement import AgreementState
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import Invitation, Joined, OpenInvitation

TOKEN = "token-1"  # noqa: S105 - of nothing


class FakeInviting:
    """Implements ports.peering.Inviting: every token is the same."""

    async def invite(
        self, organisation: TrustDomain, *, now: datetime, lifetime: float, actor: str
    ) -> Invitation:
        del actor
        ends = now + timedelta(seconds=lifetime)
        return Invitation(organisation=organisation, token=TOKEN, words="acorn agent", expires_at=ends)

    async def listed(
        self, *, organisation: str = "", after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[OpenInvitation]:
        del organisation, after, limit
        return []

    async def withdraw(self, invitation_id: str, *, actor: str) -> None:
        del invitation_id, actor


class FakeJoining:
    """Implements ports.peering.Joining: every token is good."""

    async def join(self, token: str, *, actor: str) -> Joined:
        del token, actor
        return Joined(
            organisation=TrustDomain("luebeck.example"),
            state=AgreementState.PENDING,
            words="acorn agent",
            own_words="alarm album",
            nodes=2,
        )
