"""Things that end at a known time, and what then breaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class DatedKind(StrEnum):
    """What it is that ends."""

    LEAF = "leaf"  # a gateway's certificate
    CONTROL_PLANE = "control_plane"
    INTERMEDIATE = "intermediate"
    ROOT = "root"  # an anchor of our own
    PARTNER_ANCHOR = "partner_anchor"
    CRL = "crl"
    INVITATION = "invitation"


class Urgency(IntEnum):
    """How soon somebody has to look; greater is worse."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    EXPIRED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """Something that is good from ``not_before`` until ``not_after``."""

    subject: str
    kind: DatedKind
    organisation: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """Something that ends, and how that matters. ``severity`` is an urgency's name in lower case."""

    subject: str
    kind: DatedKind
    organisation: str
    not_after: datetime
    breaks: str
    seconds_left: int
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryPage:
    """Some of what ends. ``counts`` of all by severity, ``first``: the most urgent of all.

    ``next`` is the ``after`` of the following page; None on the last.
    """

    items: tuple[Expiring, ...]
    next: str | None
    counts: Mapping[str, int]
    first: Expiring | None
