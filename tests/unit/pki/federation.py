"""The little world of the federation cases: we hold the bundles of two organisations, and meet a third."""

from dataclasses import dataclass
from functools import cache

from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.pki.path import Purpose
from control_plane.pki.verify import DEFAULT_RULES, Rules
from tests.unit.pki.minting import Minted, Wish, authority, chain_pem, key_pem, leaf, mint

VISBY, LUEBECK, RIGA = "visby.example", "luebeck.example", "riga.example"
GOOD = "spiffe://visby.example/gateway/1"
FORGED = "spiffe://luebeck.example/gateway/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationCase:
    """A chain that a peer presents, and what must become of it.

    ``want`` is ``accept`` or the code of the refusal. ``exact`` cases hold at minting.NOW only, to the
    second: they cannot be offered to a server whose clock goes on.
    """

    name: str
    want: str
    chain: str
    key: str
    bundles: tuple[Bundle, ...]
    purpose: Purpose = Purpose.CLIENT
    rules: Rules = DEFAULT_RULES
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation's authorities."""

    name: str
    root: Minted
    issuing: Minted

    def leaf(self, wish: Wish) -> tuple[Minted, Minted]:
        """Issue a leaf; the chain to present."""
        return self.issuing.sign(wish), self.issuing

    def bundle(self, *crls: str, anchors: tuple[Minted, ...] | None = None) -> Bundle:
        """What partners hold of it."""
        held = (self.root,) if anchors is None else anchors
        return Bundle(TrustDomain(self.name), tuple(chain_pem(anchor) for anchor in held), crls)


@cache
def organisation(name: str) -> Organisation:
    """Make an organisation with a root and an intermediate."""
    root = mint(authority(f"{name} root", f"spiffe://{name}"))
    issuing = root.sign(authority(f"{name} issuing", f"spiffe://{name}", path_length=0))
    return Organisation(name, root, issuing)


def held(*changed: Bundle) -> tuple[Bundle, ...]:
    """The bundles that we hold: those of Visby and Lübeck, some of them changed."""
    bundles = {name: organisation(name).bundle() for name in (VISBY, LUEBECK)}
    return tuple((bundles | {bundle.organisation: bundle for bundle in changed}).values())


def case(name: str, want: str, *chain: Minted, **more: object) -> FederationCase:
    """A case whose chain is presented with the key of its first certificate."""
    given = {"bundles": held()} | more
    pems = {"chain": chain_pem(*chain), "key": key_pem(chain[0].key)}
    return FederationCase(name=name, want=want, **pems, **given)  # type: ignore[arg-type]  # any field may be given


def from_visby(name: str, want: str, wish: Wish | None = None, **more: object) -> FederationCase:
    """A case that is all about the leaf: Visby's own intermediate signed it."""
    return case(name, want, *organisation(VISBY).leaf(leaf(GOOD) if wish is None else wish), **more)
