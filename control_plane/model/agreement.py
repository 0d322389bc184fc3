"""The state between our organisation and a partner."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from control_plane.model.identity import TrustDomain
from control_plane.model.node import check_text


class AgreementState(StrEnum):
    """Only ``trusted`` (and not paused) lets anything through."""

    UNTRUSTED = "untrusted"
    PENDING = "pending"
    TRUSTED = "trusted"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What we decided about one partner. ``paused`` stops traffic without taking the trust back."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    state: AgreementState = AgreementState.UNTRUSTED
    paused: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        check_text("a reason", self.reason)

    @property
    def key(self) -> str:
        """The partner's trust domain."""
        return self.organisation

    @property
    def open(self) -> bool:
        """Whether traffic may pass as far as the agreement is concerned."""
        return self.state is AgreementState.TRUSTED and not self.paused
