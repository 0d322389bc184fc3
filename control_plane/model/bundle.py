"""Trust anchors of one trust domain. Anchors of different domains are never put together."""

from dataclasses import dataclass, replace
from typing import ClassVar

from control_plane.model.crl import CrlPolicy
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError


@dataclass(frozen=True, slots=True)
class Bundle:
    """CA certificates (PEM, one each) of ``organisation``; an empty bundle: trust was withdrawn.

    That each text is a CA certificate and nothing else is checked by ``pki.bundle`` before it is stored.
    ``crls`` (PEM, one list each) and ``crl_policy`` are set by our operators, and are in no fetched bundle;
    ``crl_epoch`` counts how often lists named more than those before.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    anchors: tuple[str, ...]
    crls: tuple[str, ...] = ()
    sequence: int = 0
    crl_policy: CrlPolicy = CrlPolicy()  # noqa: RUF009 - frozen
    crl_epoch: int = 0

    def __post_init__(self) -> None:
        if self.sequence < 0:
            raise InvalidValueError("bad_sequence", f"expected a sequence from 0, got {self.sequence}")

    @property
    def key(self) -> str:
        """The trust domain that these anchors speak for."""
        return self.organisation

    def with_lists_of(self, present: "Bundle | None") -> "Bundle":
        """These anchors under the lists that operators set for ``present``: nobody is un-revoked."""
        if present is None:
            return self
        return replace(self, crls=present.crls, crl_policy=present.crl_policy, crl_epoch=present.crl_epoch)
