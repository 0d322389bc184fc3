"""What an operator decides about peering, and every limit of it, each with a safe default."""

from dataclasses import dataclass, field

from control_plane.model.identity import TrustDomain
from control_plane.model.peering import PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.plan.addresses import AddressPolicy

HOUR = 3600
MAX_CHALLENGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Times are seconds.

    ``addresses`` is where partners reach this control plane, ``advertised`` the IP address of gateways that
    listen on every interface. ``automatic`` are the organisations whose agreement an operator approved in
    advance.
    """

    own: TrustDomain
    addresses: tuple[PeeringAddress, ...] = ()
    advertised: str = ""
    policy: AddressPolicy = field(default_factory=AddressPolicy)
    automatic: frozenset[TrustDomain] = frozenset()
    challenge: int = 60  # how long a challenge may be answered; at most 300
    challenges: int = 8  # open at a time, of one invitation
    invitations: int = 4  # open at a time, of one organisation
    invitation_least: int = 60
    invitation_most: int = 7 * 24 * HOUR
    heartbeat: float = 10.0
    refresh_hint: int = 300  # how often partners should fetch our bundle

    def __post_init__(self) -> None:
        if not 1 <= self.challenge <= MAX_CHALLENGE or not self.heartbeat > 0:
            raise InvalidValueError(
                "bad_setting",
                f"expected challenges of 1 to {MAX_CHALLENGE} s and a positive time between heartbeats,"
                f" got {self.challenge} s and {self.heartbeat:g} s",
            )
