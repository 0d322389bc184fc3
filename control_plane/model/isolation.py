"""What became of certificates that must not work, offered to a running gateway."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One certificate and its fate.

    ``by`` says what refused it, or how it was answered. ``limit`` is why a gateway may let it through, where
    Envoy has no means to refuse it; empty means that it must be refused.
    """

    name: str
    refused: bool
    by: str
    limit: str = ""

    @property
    def good(self) -> bool:
        """Whether this is as promised."""
        return self.refused or bool(self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChecked:
    """One gateway. ``control`` says how a certificate that must work was answered; ``sound`` if it did.

    Without that, a refusal proves nothing.
    """

    id: str
    sound: bool
    control: str
    offered: tuple[Offered, ...]

    @property
    def good(self) -> bool:
        """Whether everything is as promised."""
        return self.sound and all(one.good for one in self.offered)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationChecked:
    """The whole check; ``ok`` only when there was a gateway, and all of them are good."""

    ok: bool
    organisations: tuple[str, ...]  # the partners that existed for it
    gateways: tuple[GatewayChecked, ...]
