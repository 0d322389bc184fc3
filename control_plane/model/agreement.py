"""The state between our organisation and a partner."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from control_plane.model.identity import SpiffeId, TrustDomain, shown
from control_plane.model.node import check_text
from control_plane.model.problem import InvalidValueError

MAX_REVOKED = 256  # identities, and certificates, of one partner
_SERIAL = re.compile(r"(?:[0-9a-f]{2}){1,20}\Z")  # RFC 5280, 4.1.2.2: at most 20 bytes


class AgreementState(StrEnum):
    """Only ``trusted`` (and not paused) lets anything through."""

    UNTRUSTED = "untrusted"
    PENDING = "pending"
    TRUSTED = "trusted"
    REVOKED = "revoked"


def check_serial(serial: str) -> None:
    """Refuse what is not a serial number as Envoy writes it: lower-case hex, two digits a byte."""
    if not _SERIAL.match(serial):
        raise InvalidValueError(
            "bad_serial",
            f"expected a serial number as the audit shows it (lower-case hex, at most 20 bytes), got"
            f" {shown(serial)}",
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """When something of a partner was last taken back, so that its open connections have to end.

    ``number`` counts these times and never goes back; ``at`` is in seconds since the epoch; ``what`` was
    taken back is ``organisation``, ``pause``, ``node <key>`` or ``certificate <serial>``.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    number: int
    at: float
    by: str
    what: str

    def __post_init__(self) -> None:
        if self.number < 1 or not self.at >= 0:
            raise InvalidValueError("bad_sequence", f"expected a number from 1 and a time, got {self.number}")


@dataclass(frozen=True, slots=True)
class Agreement:
    """What we decided about one partner. ``paused`` stops traffic without taking the trust back.

    ``revoked_identities`` (of nodes) and ``revoked_serials`` (of certificates) are denied whatever the
    partner's authority signs; only an operator takes something off these lists.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    state: AgreementState = AgreementState.UNTRUSTED
    paused: bool = False
    reason: str = ""
    revoked_identities: tuple[SpiffeId, ...] = ()
    revoked_serials: tuple[str, ...] = ()
    cut: Cut | None = None

    def __post_init__(self) -> None:
        check_text("a reason", self.reason)
        for revoked in (self.revoked_identities, self.revoked_serials):
            if len(revoked) > MAX_REVOKED or len(set(revoked)) != len(revoked):
                raise InvalidValueError(
                    "too_many_revoked",
                    f"expected at most {MAX_REVOKED} different ones revoked, got {len(revoked)}: revoke the"
                    " organisation, or take off what has expired",
                )
        for serial in self.revoked_serials:
            check_serial(serial)

    @property
    def key(self) -> str:
        """The partner's trust domain."""
        return self.organisation

    @property
    def epoch(self) -> int:
        """How often connections of this partner had to be cut."""
        return self.cut.number if self.cut else 0

    @property
    def open(self) -> bool:
        """Whether traffic may pass as far as the agreement is concerned."""
        return self.state is AgreementState.TRUSTED and not self.paused
