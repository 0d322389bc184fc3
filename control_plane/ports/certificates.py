"""What the parts need of each other about our own certificates, our anchors, and everything that ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from control_plane.model.bundle import Bundle
from control_plane.model.expiry import Dated, Expiring, ExpiryPage
from control_plane.model.identity import SpiffeId
from control_plane.model.peering import OpenInvitation
from control_plane.model.rotation import RotationView


class ServerCredentials(NamedTuple):
    """What the control plane's own TLS server presents (PEM); ``roots`` verify the gateways."""

    key: bytes
    chain: bytes
    roots: bytes

    def __repr__(self) -> str:
        return "ServerCredentials(key=(redacted))"


class OwnAuthority(Protocol):
    """Where our certificates come from. Every method is quick and may be called on the event loop."""

    def issue(self, csr_pem: str, spiffe_id: SpiffeId, *, lifetime: timedelta, now: datetime) -> str:
        """A chain (PEM, leaf first) for the request's key and ``spiffe_id``.

        Raises InvalidValueError, or UnavailableError when the certificate has to come from elsewhere first.
        """

    def anchors(self) -> tuple[str, ...]:
        """Our trust anchors, one PEM each."""

    def bundle(self) -> Bundle:
        """Our anchors as partners get them; whatever changes them makes the sequence greater."""

    def server_credentials(self, *, now: datetime) -> ServerCredentials:
        """The control plane's own identity."""

    def signer(self, spiffe_id: SpiffeId) -> str:
        """What would answer ``issue`` now, as a name: a gateway that was answered by another asks again."""

    def dates(self) -> tuple[Dated, ...]:
        """Everything of ours that ends: anchors, intermediate, the control plane's certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The last certificate that one of our gateways got, and which signer gave it."""

    gateway: str
    serial: str  # lower-case hex
    not_before: datetime
    not_after: datetime
    signer: str


class IssuedLog(Protocol):
    """Every method raises UnavailableError when the database cannot be reached."""

    async def note(self, issued: Issued) -> None:
        """Replace what is known of this gateway."""

    async def all(self) -> list[Issued]:
        """Every gateway's last certificate, by id."""


class Crossing(NamedTuple):
    """That requests passed between a partner and us; ``direction`` as the audit says it."""

    organisation: str
    direction: str


class Traffic(Protocol):
    """What the audit says of traffic. Raises UnavailableError when the database cannot be reached."""

    async def passed(self, since: datetime, until: datetime) -> frozenset[Crossing]:
        """With whom, and which way, requests were allowed and answered from ``since`` until ``until``."""


class OpenInvitations(Protocol):
    """Invitations that somebody may still use."""

    async def open(self) -> Sequence[OpenInvitation]:
        """Those that can be used now."""


class Rotations(Protocol):
    """The change of our anchors, for operators. Raises InvalidValueError and UnavailableError."""

    async def show(self) -> RotationView:
        """How it stands."""

    async def start(self, *, actor: str) -> RotationView:
        """Announce a new root beside the present one."""

    async def abort(self, *, actor: str) -> RotationView:
        """Return to the old root alone; possible until that one is removed."""

    async def confirm(self, name: str, *, actor: str) -> RotationView:
        """Go on without waiting, at the present step, for a partner or gateway."""


class Expiries(Protocol):
    """Everything that ends."""

    async def all(self) -> tuple[Expiring, ...]:
        """The most urgent first. Raises UnavailableError."""

    async def page(self, *, after: str, limit: int) -> ExpiryPage:
        """At most ``limit`` in that order, after a page's ``next``. Raises UnavailableError."""
