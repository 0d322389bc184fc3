"""What the messages between control planes say: typed claims, read strictly.

The claims that every message has say who speaks to whom, about what, when and over which connection; ``typ``
(in the header) and ``purpose`` keep a message of one step from being used in another.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from control_plane.kit import strict_json
from control_plane.model.agreement import AgreementState
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain, shown
from control_plane.model.node import Endpoint
from control_plane.model.peering import MAX_SEQUENCE, PeeringAddress, View
from control_plane.model.problem import InvalidValueError
from control_plane.peering.refusal import RefusedError
from control_plane.pki.jws import MAX_MESSAGE

JOIN_PURPOSE = "join"
HEARTBEAT_PURPOSE = "heartbeat"


@dataclass(frozen=True, slots=True)
class Announced:
    """A gateway of the sender, as others reach it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    node_id: ObjectId
    spiffe_id: SpiffeId
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Introduction:
    """What an organisation says of itself; ``bundle`` is the document that its bundle endpoint serves."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    bundle: str
    addresses: tuple[PeeringAddress, ...]
    nodes: tuple[Announced, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """The claims that every message has. Times are seconds since the epoch.

    ``channel`` is the SHA-256 of the certificate that the server of the TLS connection presented, in hex.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    iss: SpiffeId
    aud: SpiffeId
    iat: int
    exp: int
    purpose: str
    sender: TrustDomain
    receiver: TrustDomain
    channel: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The joiner's question for a challenge. Not signed: the answer to the challenge proves it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    invitation: str
    organisation: TrustDomain
    nonce: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """The inviter's challenge; ``answers`` is the nonce of the question."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-challenge+jwt"

    envelope: Envelope
    invitation: str
    nonce: str
    answers: str


@dataclass(frozen=True, slots=True)
class Join:
    """The joiner's answer; ``challenge`` is the inviter's nonce, ``nonce`` its own challenge.

    ``proof`` is over all the other claims, with the key that the token's secret stands for (``proof_key``).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-join+jwt"

    envelope: Envelope
    invitation: str
    token: str  # digest
    challenge: str
    nonce: str
    introduction: Introduction
    proof_key: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The inviter's answer; ``answers`` is the joiner's nonce, ``join`` the SHA-256 of its message."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-joined+jwt"

    envelope: Envelope
    answers: str
    join: str
    state: AgreementState
    introduction: Introduction


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What the sender thinks of the receiver; ``sequence`` only grows.

    ``bundle`` is the sequence of the sender's own bundle: who holds an older one fetches the new one.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-heartbeat+jwt"

    envelope: Envelope
    sequence: int
    view: View
    bundle: int = 0

    def __post_init__(self) -> None:
        for number in (self.sequence, self.bundle):
            if not 0 <= number <= MAX_SEQUENCE:
                raise InvalidValueError("bad_sequence", f"expected 0 to 2^63-1, got {shown(number)}")


class Typed(Protocol):
    """A message that is signed; ``TYP`` is its type in the header."""

    TYP: ClassVar[str]


Message = TypeVar("Message")


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Made once for each kind of message."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def read(kind: type[Message], payload: bytes) -> Message:
    """Claims of one kind; RefusedError ``malformed_message`` for anything else."""
    try:
        strict_json.read(payload, most=MAX_MESSAGE)
        message: Message = _adapter(kind).validate_json(payload, strict=True)
    except strict_json.StrictJsonError as error:
        raise RefusedError("malformed_message", str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole message"
        raise RefusedError("malformed_message", f"at {place[:80]}: {str(first['msg'])[:200]}") from error
    return message


def write(message: object) -> bytes:
    """The claims as JSON; equal claims give equal bytes."""
    return _adapter(type(message)).dump_json(message)
