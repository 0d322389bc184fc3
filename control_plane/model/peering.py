"""What control planes of different organisations tell each other, as values."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import ClassVar

from control_plane.model.agreement import AgreementState
from control_plane.model.identity import SpiffeId, TrustDomain, shown
from control_plane.model.node import MAX_PORT, check_text
from control_plane.model.problem import InvalidValueError

MAX_HOST = 253  # characters, RFC 1035
MAX_ADDRESSES = 4  # peering addresses of one organisation
MAX_URL = 2048
MAX_REMARKS = 16
MAX_SEQUENCE = 2**63 - 1
BUNDLE_PATH = "/peering/v1/bundle"
NOT_FOLLOWED = "not_followed"
"""The code of a bundle that is not fetched: there is no agreement, or none any more, or not yet."""

_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_LETTER = re.compile(r"[a-z]")
_URL = re.compile(
    r"https://(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::([0-9]{1,5}))?(/[A-Za-z0-9._~%/-]*)?\Z"
)


def control_plane_id(organisation: TrustDomain) -> SpiffeId:
    """Who speaks for an organisation: the identity of its control plane."""
    return SpiffeId(f"spiffe://{organisation}/control-plane")


def check_host(host: str) -> None:
    """Refuse what is neither an IP address nor a DNS name in lower case.

    The last label has a letter: ``127.1`` and ``0x7f.0.0.1`` are addresses to old resolvers, and names to
    nobody.
    """
    try:
        ip_address(host)
    except ValueError:
        labels = host.split(".")
        good = len(host) <= MAX_HOST and all(_HOST_LABEL.match(label) for label in labels)
        if not good or not _LETTER.search(labels[-1]) or labels[-1].startswith("0x"):
            raise InvalidValueError(
                "bad_address", f"expected an IP address or a DNS name in lower case, got {shown(host)}"
            ) from None
    if "%" in host:
        raise InvalidValueError("bad_address", f"expected an address without a zone, got {shown(host)}")


@dataclass(frozen=True, slots=True)
class PeeringAddress:
    """Where a control plane can be reached by others: a DNS name or an IP address, and a port."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    host: str
    port: int

    def __post_init__(self) -> None:
        check_host(self.host)
        if not 1 <= self.port <= MAX_PORT:
            raise InvalidValueError(
                "bad_port", f"expected a port from 1 to {MAX_PORT}, got {shown(self.port)}"
            )

    @classmethod
    def parse(cls, text: str) -> "PeeringAddress":
        """``host:port`` or ``[v6]:port``; raises InvalidValueError ``bad_address`` or ``bad_port``."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdecimal() or len(port) > len(str(MAX_PORT)):
            raise InvalidValueError("bad_address", f"expected <host>:<port>, got {shown(text)}")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise InvalidValueError("bad_address", f"expected [<IPv6 address>]:<port>, got {shown(text)}")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as the beginning of a URL, without a path."""
        return f"https://{self}"


class BundleProfile(StrEnum):
    """How a bundle endpoint proves who it is (SPIFFE Federation, section 5.2); never inferred."""

    HTTPS_SPIFFE = "https_spiffe"  # by an SVID that the present bundle verifies
    HTTPS_WEB = "https_web"  # by a certificate of the public web PKI for its host name


@dataclass(frozen=True, slots=True)
class BundleSource:
    """Where the bundle of ``organisation`` is fetched; ``urls`` are tried in their order."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    profile: BundleProfile
    urls: tuple[str, ...]
    spiffe_id: SpiffeId | None = None  # of the endpoint; only, and always, with https_spiffe

    def __post_init__(self) -> None:
        if (self.spiffe_id is None) != (self.profile is BundleProfile.HTTPS_WEB):
            raise InvalidValueError(
                "bad_bundle_source",
                "expected the endpoint's SPIFFE id with https_spiffe, and none with https_web",
            )
        if not 1 <= len(self.urls) <= MAX_ADDRESSES:
            raise InvalidValueError(
                "bad_bundle_source", f"expected 1 to {MAX_ADDRESSES} URLs, got {len(self.urls)}"
            )
        for url in self.urls:
            split_url(url)

    @classmethod
    def of_peer(cls, organisation: TrustDomain, addresses: tuple[PeeringAddress, ...]) -> "BundleSource":
        """The bundle endpoint of another Proxenia."""
        urls = tuple(f"{address.url}{BUNDLE_PATH}" for address in addresses)
        return cls(organisation, BundleProfile.HTTPS_SPIFFE, urls, control_plane_id(organisation))


def split_url(url: str) -> PeeringAddress:
    """Where an https URL leads; ``bad_url`` for any other scheme, and for user, query and fragment."""
    match = _URL.match(url) if len(url) <= MAX_URL else None
    if match is None:
        raise InvalidValueError(
            "bad_url",
            f"expected https://<host in lower case>[:<port>]/<path>, without a query, got {shown(url)}",
        )
    return PeeringAddress(match[1].strip("[]"), int(match[2] or 443))


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that one side finds wrong with the other: a stable code, and a sentence."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    code: str
    detail: str

    def __post_init__(self) -> None:
        check_text("a code", self.code)
        check_text("a remark", self.detail)


@dataclass(frozen=True, slots=True)
class View:
    """What one side says of the other. ``sequence`` is that of the other's bundle, as it holds it.

    ``since`` (seconds since the epoch) is when ``state`` and ``paused`` last changed. ``phase`` is how far it
    has taken over an announced change of anchors; empty when none is known. ``remarks`` are what it finds
    wrong with the other's gateways.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    state: AgreementState
    paused: bool
    since: int
    sequence: int
    phase: str = ""
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        if len(self.remarks) > MAX_REMARKS:
            raise InvalidValueError(
                "bad_remarks", f"expected at most {MAX_REMARKS} remarks, got {len(self.remarks)}"
            )
        for number in (self.since, self.sequence):
            if not 0 <= number <= MAX_SEQUENCE:
                raise InvalidValueError("bad_sequence", f"expected 0 to 2^63-1, got {shown(number)}")
        check_text("a phase", self.phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRecord:
    """What the control planes of this deployment remember of a partner's, in the database's time.

    ``heard`` and ``heard_at`` are from its last heartbeat; ``sent_at`` is when it last took ours, and
    ``send_error`` why the latest one was not taken (a code and a sentence), empty when it was.
    """

    organisation: TrustDomain
    addresses: tuple[PeeringAddress, ...]
    heard: View | None = None
    heard_at: datetime | None = None
    sent_at: datetime | None = None
    send_error: str = ""
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerView:
    """How we and a partner see each other, for people. ``stale``: it was not heard in three intervals."""

    organisation: TrustDomain
    addresses: tuple[PeeringAddress, ...]
    stale: bool
    heard_at: datetime | None
    sent_at: datetime | None
    send_error: str
    state: AgreementState | None  # what they say of us; None before the first heartbeat
    paused: bool
    since: datetime | None
    sequence: int | None  # of our bundle, as they hold it
    phase: str
    summary: str  # one sentence: "they paused us at 2026-01-02 14:02 UTC"
    remarks: tuple[Remark, ...] = ()  # what they find wrong with our gateways
    clock_seconds: float | None = None  # how far theirs is ahead of ours; None where it was not heard here


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an operator gives to the other organisation's. The token is shown once, and stored nowhere."""

    organisation: TrustDomain
    token: str
    words: str  # the fingerprint of our anchors, to be compared over another channel
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Invitation(organisation={self.organisation!r}, token=(redacted))"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvitation:
    """An invitation that can still be used; ``id`` is part of its token, and not secret."""

    id: str
    organisation: TrustDomain
    actor: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The outcome of a join; ``words`` and ``own_words`` must be what the other side's operator reads too."""

    organisation: TrustDomain
    state: AgreementState
    words: str
    own_words: str
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleState:
    """How the following of one partner's bundle stands. ``code`` empty: the last fetch was good.

    ``held`` is a fetched bundle (a SPIFFE bundle document) that waits for an operator's approval;
    ``failures`` counts fetches without an answer in a row.
    """

    source: BundleSource
    fetched_at: datetime | None = None
    due_at: datetime | None = None
    code: str = ""
    detail: str = ""
    failures: int = 0
    held: str = ""
