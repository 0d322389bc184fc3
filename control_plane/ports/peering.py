"""What peering and the following of bundles need of the database and of each other.

Times are the database's, so that replicas with different clocks agree. Every method raises UnavailableError
when the database cannot be reached, having changed nothing.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import (
    BundleSource,
    BundleState,
    Invitation,
    Joined,
    OpenInvitation,
    PartnerRecord,
    PartnerView,
    PeeringAddress,
    View,
)


class Credentials(Protocol):
    """The control plane's own identity as PEM: its key, its chain (leaf first), and its own anchors."""

    @property
    def key(self) -> bytes:
        """The private key, unencrypted; never logged and never stored."""

    @property
    def chain(self) -> bytes:
        """Leaf and intermediates."""

    @property
    def roots(self) -> bytes:
        """Our own trust anchors."""


class Found(StrEnum):
    """What the database knows of an invitation or of a challenge."""

    GOOD = "good"
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    OTHERS = "others"  # of another organisation, or of another invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInvitation:
    """What is kept of an invitation: nothing that would let anybody use it.

    ``digest`` is the token's, ``verifier`` is made of its secret (peering/proof.py); both are empty once it
    was used.
    """

    id: str
    organisation: TrustDomain
    digest: str
    verifier: str
    state: Found = Found.GOOD


class Redeemed(NamedTuple):
    """Both are GOOD, and now used, or nothing has changed."""

    challenge: Found
    invitation: Found


class Invitations(Protocol):
    """Invitations and the challenges made for them; each can be used once, on one replica."""

    async def issue(
        self, invitation: StoredInvitation, *, seconds: int, actor: str, most: int
    ) -> datetime | None:
        """Keep it for ``seconds``; when it expires, or None when ``most`` are open for that organisation."""

    async def find(self, invitation_id: str) -> StoredInvitation | None:
        """The invitation, whatever its state; those that ended long ago are forgotten."""

    async def challenge(self, invitation_id: str, nonce: str, *, seconds: int, most: int) -> bool:
        """Remember a nonce (hashed) for ``seconds``; False when ``most`` are open for the invitation."""

    async def redeem(self, invitation_id: str, nonce: str) -> Redeemed:
        """Use up challenge and invitation in one transaction; of several at once, one gets GOOD, GOOD."""

    async def open(
        self, *, organisation: str = "", after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[OpenInvitation]:
        """Those that can be used now, of one organisation; the first to expire comes first.

        At most ``limit`` that come after one's end and id.
        """

    async def withdraw(self, invitation_id: str) -> bool:
        """Forget it, so that its token is that of none; False when it is not open."""


class Partners(Protocol):
    """What is known of the control planes of partners."""

    async def introduce(
        self, organisation: TrustDomain, addresses: Sequence[PeeringAddress], source: BundleSource
    ) -> None:
        """Take over where a partner is reached and where its bundle is fetched, at once."""

    async def get(self, organisation: TrustDomain) -> PartnerRecord | None:
        """One partner."""

    async def all(self, *, after: str = "", limit: int | None = None) -> list[PartnerRecord]:
        """Every partner that was introduced, by name; at most ``limit`` after a name."""

    async def number(self, organisation: TrustDomain, view: View) -> tuple[int, int]:
        """The sequence of our next heartbeat, and since when we have had this view.

        That is ``view.since`` when its state or ``paused`` differ from the last heartbeat's. Sequences grow,
        also past a restored backup.
        """

    async def sent(self, organisation: TrustDomain, error: str) -> None:
        """Note how our heartbeat was taken; ``error`` empty: well."""

    async def heard(self, organisation: TrustDomain, sequence: int, view: View) -> bool:
        """Take over a heartbeat; False, and nothing changed, unless ``sequence`` is a new greatest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The outcome of a fetch, and in how many seconds the next one is due. ``held`` None: as before."""

    code: str
    detail: str
    seconds: float
    failed: bool = False  # there was no answer at all
    held: str | None = None


class BundleStates(Protocol):
    """Whose bundle is fetched where, and how that goes."""

    async def all(self, *, after: str = "", limit: int | None = None) -> list[BundleState]:
        """Every source, by organisation; at most ``limit`` after a name."""

    async def due(self) -> list[BundleState]:
        """Those whose time has come."""

    async def follow(self, source: BundleSource) -> None:
        """Fetch this organisation's bundle there from now on, at once."""

    async def fetched(
        self,
        organisation: TrustDomain,
        outcome: Fetched,
        *,
        due_at: datetime | None = None,
        spacing: float = 0,
    ) -> None:
        """Note the outcome of a fetch; ``due_at`` is what the state said that it began with.

        If it says something else now, somebody has asked for another fetch meanwhile: that one is due in
        ``spacing`` seconds, unless the outcome wants it sooner.
        """

    async def hurry(self, organisation: TrustDomain, *, spacing: float) -> None:
        """Make it due now, but not sooner than ``spacing`` seconds after the last fetch."""


class Lease(Protocol):
    """That this process is the one which does something."""

    async def held(self) -> bool:
        """Whether that is still so."""


class Singleton(Protocol):
    """Things that only one replica does at a time."""

    def hold(self, name: str) -> AbstractAsyncContextManager[Lease]:
        """Wait until no other replica does ``name``, then do it; leaving the block gives it up."""


class Fetcher(Protocol):
    """The one way out to addresses that partners name."""

    async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
        """A bundle document; with https_spiffe the server's certificate is verified by ``anchors``.

        Raises UnavailableError (no answer) or InvalidValueError (an answer that is refused).
        """


class Inviting(Protocol):
    """What an operator of the inviting side does."""

    async def invite(
        self, organisation: TrustDomain, *, now: datetime, lifetime: float, actor: str
    ) -> Invitation:
        """Make a token for ``organisation`` that can be used once within ``lifetime`` seconds.

        InvalidValueError codes: ``own_organisation``, ``partner_revoked``, ``already_trusted``,
        ``too_many_invitations``, ``no_peering_address``, ``bad_lifetime``.
        """

    async def listed(
        self, *, organisation: str = "", after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[OpenInvitation]:
        """Those whose token can be used now, as Invitations.open gives them."""

    async def withdraw(self, invitation_id: str, *, actor: str) -> None:
        """Make a token useless, which went astray; MissingError when it cannot be used anyway."""


class Joining(Protocol):
    """What an operator of the invited side does."""

    async def join(self, token: str, *, actor: str) -> Joined:
        """Use a token: prove who we are to the inviter, and take over what it says of itself.

        Raises InvalidValueError with the code of the refusal (ours, or the inviter's) or UnavailableError.
        """


class PartnerViews(Protocol):
    """How partners and we see each other."""

    async def views(self, *, after: str = "", limit: int | None = None) -> list[PartnerView]:
        """Every partner that was introduced, by name; at most ``limit`` after a name."""


class BundleKeeping(Protocol):
    """The following of partners' bundles, for operators."""

    async def states(self, *, after: str = "", limit: int | None = None) -> list[BundleState]:
        """Every bundle that is followed, by organisation; at most ``limit`` after a name."""

    async def follow(self, source: BundleSource, *, actor: str) -> None:
        """Fetch an organisation's bundle from there."""

    async def refresh(self, organisation: TrustDomain) -> None:
        """Fetch soon: a handshake failed with an unknown issuer."""

    async def approve(self, organisation: TrustDomain, *, actor: str) -> Bundle:
        """Take over the bundle that is held for approval; MissingError when none is."""
