"""Trust anchors of one trust domain. Anchors of different domains are never put together."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError


@dataclass(frozen=True, slots=True)
class Bundle:
    """CA certificates (PEM, one each) of ``organisation``; an empty bundle: trust was withdrawn.

    That each text is a CA certificate and nothing else is checked by ``pki.bundle`` before it is stored.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    anchors: tuple[str, ...]
    crls: tuple[str, ...] = ()
    sequence: int = 0

    def __post_init__(self) -> None:
        if self.sequence < 0:
            raise InvalidValueError("bad_sequence", f"expected a sequence from 0, got {self.sequence}")

    @property
    def key(self) -> str:
        """The trust domain that these anchors speak for."""
        return self.organisation
