"""What ``proxenia check --trust`` offers: forged certificates of two partners that exist for the check only.

Their keys are made for one check, are kept in memory, and are gone with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography.x509.oid import ExtendedKeyUsageOID

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Item, Kind
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource
from control_plane.trust.minting import (
    DAY,
    DNS,
    SERVER,
    Minted,
    Wish,
    authority,
    chain_pem,
    key_pem,
    leaf,
    mint,
)

NOWHERE = Endpoint("127.0.0.1", 1)  # nothing listens there: whoever is let through gets 503
_PURPOSE = "Envoy's SPIFFE validator does not look at the extended key usage"
_LIFETIME = "Envoy does not limit how long a certificate may be valid"


@dataclass(frozen=True, slots=True)
class Trial:
    """A chain with its key, PEM; both empty: no certificate at all. ``limit`` as in ``Offered``."""

    name: str
    chain: str = ""
    key: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A partner that exists for the check only."""

    trust_domain: TrustDomain
    root: Minted

    @classmethod
    def of(cls, name: str) -> "Stranger":
        """Make its authority."""
        domain = TrustDomain(name)
        return cls(domain, mint(authority(f"{domain} root", f"spiffe://{domain}")))

    @property
    def identity(self) -> SpiffeId:
        """Of its only node."""
        return SpiffeId(f"spiffe://{self.trust_domain}/gateway/1")

    def leaf(self, *names: str, **changes: object) -> tuple[Minted]:
        """A certificate from its root."""
        return (self.root.sign(leaf(*(names or (self.identity,)), **changes)),)


@dataclass(frozen=True, slots=True)
class Trials:
    """One check: ``friend`` and ``other`` are partners, and may both use ``resource``."""

    own: TrustDomain
    resource: ResourceName
    friend: Stranger
    other: Stranger

    @classmethod
    def of(cls, own: TrustDomain, mark: str) -> "Trials":
        """Make what belongs to one check; ``mark`` is random, so that nobody has these names."""
        return cls(
            own,
            ResourceName(f"check-{mark}"),
            Stranger.of(f"check-{mark}.invalid"),
            Stranger.of(f"check-{mark}-other.invalid"),
        )

    def items(self) -> tuple[Item, ...]:
        """The objects that make partners of them."""
        resource = Resource(self.resource, self.own, upstreams=(NOWHERE,))
        found = [Item(Kind.RESOURCE, resource.key, resource)]
        for stranger in (self.friend, self.other):
            domain = stranger.trust_domain
            node = Node(ObjectId("1"), domain, stranger.identity, (NOWHERE,))
            grant = Grant(ObjectId(f"{self.resource}-{domain}"), self.resource, domain)
            found += [
                Item(Kind.AGREEMENT, domain, Agreement(domain, AgreementState.TRUSTED)),
                Item(Kind.BUNDLE, domain, Bundle(domain, (chain_pem(stranger.root),))),
                Item(Kind.NODE, node.key, node),
                Item(Kind.GRANT, grant.key, grant),
            ]
        return tuple(found)

    def control(self) -> Trial:
        """A certificate that must work."""
        return _trial("a good certificate", self.friend.leaf())

    def forged(self) -> tuple[Trial, ...]:
        """Certificates that must not work."""
        return (
            Trial("no certificate"),
            *self._of_others(),
            *self._names(),
            *self._leaves(),
            *self._paths(),
        )

    def _of_others(self) -> Iterator[Trial]:
        friend, other = self.friend, self.other
        twin = mint(authority(f"{friend.trust_domain} root", owner=f"a twin of {friend.trust_domain}"))
        unknown = Stranger.of(f"unknown-{friend.trust_domain}")
        yield _trial("another partner's authority, for this partner's id", other.leaf(friend.identity))
        yield _trial(
            "an authority of the same name with another key", (twin.sign(leaf(friend.identity)), twin)
        )
        yield _trial("an unknown authority, for its own id", unknown.leaf())
        yield _trial("self-signed", (mint(leaf(friend.identity)),))
        yield _trial("a partner's authority, for our own id", friend.leaf(f"spiffe://{self.own}/gateway/1"))

    def _names(self) -> Iterator[Trial]:
        friend, domain = self.friend, self.friend.trust_domain
        good, foreign = friend.identity, self.other.identity
        for what, names in {
            "two ids, its own first": (good, foreign),
            "two ids, the other's first": (foreign, good),
            "the same id twice": (good, good),
            "no id": (),
            "an id that is not registered": (f"spiffe://{domain}/gateway/2",),
            "an id with dot segments": (f"spiffe://{domain}/gateway/../gateway/1",),
            "an id with an escape": (f"spiffe://{domain}/gateway/%31",),
            "an id in capitals": (good.upper(),),
            "an id with a port": (f"spiffe://{domain}:443/gateway/1",),
            "an id with a query": (f"{good}?",),
            "an id with a trailing slash": (f"{good}/",),
            "a domain that ends in the partner's": (f"spiffe://x{domain}/gateway/1",),
            "a domain that begins with the partner's": (f"spiffe://{domain}.example/gateway/1",),
            "a domain below the partner's": (f"spiffe://x.{domain}/gateway/1",),
        }.items():
            yield _trial(what, (friend.root.sign(leaf(*names)),))
        as_host = Wish(names=((DNS, good.encode()),))
        yield _trial("an id as host name", (friend.root.sign(as_host),))

    def _leaves(self) -> Iterator[Trial]:
        friend, now = self.friend, datetime.now(UTC)
        code = ExtendedKeyUsageOID.CODE_SIGNING
        yield _trial("expired", friend.leaf(begin=now - 2 * DAY, end=now - DAY))
        yield _trial("not yet valid", friend.leaf(begin=now + DAY, end=now + 2 * DAY))
        yield _trial("an authority as caller", friend.leaf(ca=True))
        yield _trial("a caller that may certify", friend.leaf(usages=("digital_signature", "key_cert_sign")))
        yield _trial("RSA of 1024 bits", friend.leaf(key="RSA-1024"))
        yield _trial("a key usage without signatures", friend.leaf(usages=("key_encipherment",)))
        yield _trial("for servers only", friend.leaf(extended=(SERVER,)), _PURPOSE)
        yield _trial("for signing code", friend.leaf(extended=(code,)), _PURPOSE)
        yield _trial("valid for ten years", friend.leaf(end=now + 3650 * DAY), _LIFETIME)

    def _paths(self) -> Iterator[Trial]:
        friend, good = self.friend, leaf(self.friend.identity)
        issuing = authority(f"{friend.trust_domain} issuing", path_length=0)
        for what, wish in {
            "an intermediate that is no authority": replace(issuing, ca=False, path_length=None),
            "an intermediate that may not certify": replace(issuing, usages=("digital_signature",)),
            "an intermediate that has ended": replace(issuing, end=datetime.now(UTC) - DAY),
        }.items():
            between = friend.root.sign(wish)
            yield _trial(what, (between.sign(good), between))
        (caller,) = friend.leaf()
        yield _trial("signed by another caller", (caller.sign(good), caller))
        upper = friend.root.sign(issuing)
        lower = upper.sign(authority(f"{friend.trust_domain} lower", path_length=0))
        yield _trial("an authority too many", (lower.sign(good), lower, upper))


def _trial(name: str, chain: tuple[Minted, ...], limit: str = "") -> Trial:
    return Trial(name, chain_pem(*chain), key_pem(chain[0].key), limit)
