"""Federation cases about names: who may say who somebody is."""

from collections.abc import Iterator

from cryptography import x509

from control_plane.pki.refusal import Refusal
from tests.unit.pki.federation import (
    FORGED,
    GOOD,
    LUEBECK,
    RIGA,
    VISBY,
    FederationCase,
    case,
    from_visby,
    held,
    organisation,
)
from tests.unit.pki.minting import DNS, MAIL, URI, Wish, authority, constraints, leaf, mint

_MALFORMED = {
    "without a path": b"spiffe://visby.example",
    "with an empty path": b"spiffe://visby.example/",
    "ending in a slash": b"spiffe://visby.example/gateway/1/",
    "with an empty segment": b"spiffe://visby.example//gateway",
    "with a dot segment": b"spiffe://visby.example/./gateway",
    "with a parent segment": b"spiffe://visby.example/gateway/../admin",
    "with an escape": b"spiffe://visby.example/gateway%2f1",
    "with a query": b"spiffe://visby.example/gateway/1?admin",
    "with a fragment": b"spiffe://visby.example/gateway/1#admin",
    "with a user": b"spiffe://admin@visby.example/gateway/1",
    "with our domain as user": b"spiffe://visby.example@riga.example/gateway/1",
    "with a port": b"spiffe://visby.example:443/gateway/1",
    "with an empty trust domain": b"spiffe:///gateway/1",
    "with a space": b"spiffe://visby.example/gateway 1",
    "with a newline": b"spiffe://visby.example/gateway/1\n",
    "with a tab": b"spiffe://visby.example/gateway\t1",
    "with a NUL before the end": b"spiffe://visby.example/gateway/1\x00",
    "with a NUL in the trust domain": b"spiffe://visby.example\x00.riga.example/gateway/1",
    "with a backslash": b"spiffe://visby.example\\gateway/1",
    "with a wildcard": b"spiffe://visby.example/gateway/*",
    "with an upper-case scheme": b"SPIFFE://visby.example/gateway/1",
    "with an upper-case trust domain": b"spiffe://Visby.example/gateway/1",
    "with a dot behind the trust domain": b"spiffe://visby.example./gateway/1",
    "with a dot before the trust domain": b"spiffe://.visby.example/gateway/1",
    "with two dots in the trust domain": b"spiffe://visby..example/gateway/1",
    "with two ids in one name": b"spiffe://visby.example/gateway/1,spiffe://luebeck.example/gateway/1",
    "with a semicolon": b"spiffe://visby.example/gateway/1;a=b",
    "of another scheme": b"https://visby.example/gateway/1",
    "with one slash": b"spiffe:/visby.example/gateway/1",
    "without slashes": b"spiffe:visby.example/gateway/1",
    "of no scheme": b"visby.example/gateway/1",
    "of nothing": b"",
    "longer than 2048 bytes": b"spiffe://visby.example/" + b"a" * 2026,
    "with a trust domain longer than 255 bytes": b"spiffe://" + b"a" * 256 + b"/gateway/1",
    "with brackets": b"spiffe://[::1]/gateway/1",
}

_LOOK_ALIKE = {
    "that ends in ours": "spiffe://evil-visby.example/gateway/1",
    "that begins with ours": "spiffe://visby.example.riga.example/gateway/1",
    "below ours": "spiffe://sub.visby.example/gateway/1",
    "above ours": "spiffe://example/gateway/1",
    "in punycode": "spiffe://xn--vsby-3ve.example/gateway/1",
    "with one letter changed": "spiffe://v1sby.example/gateway/1",
    "with an underscore": "spiffe://visby_example/gateway/1",
}


def name_cases() -> Iterator[FederationCase]:
    """Ids, look-alikes, several names at once, and authorities that speak for others."""
    for what, uri in _MALFORMED.items():
        yield from_visby(f"an id {what}", Refusal.BAD_IDENTITY, leaf(uri))
    for what, name in _LOOK_ALIKE.items():
        yield from_visby(f"a trust domain {what}", Refusal.UNKNOWN_TRUST_DOMAIN, leaf(name))
    yield from_visby(
        "an id with letters that are not ASCII", Refusal.BAD_IDENTITY, leaf("spiffe://v\u0456sby.example/g")
    )
    yield from_visby("an id of 2048 bytes", "accept", leaf(b"spiffe://visby.example/" + b"a" * 2025))
    yield from_visby(
        "an id with every letter that is allowed", "accept", leaf("spiffe://visby.example/a.B_9-z")
    )
    yield from _several()
    yield from _forged()
    yield from _constrained()


def _several() -> Iterator[FederationCase]:
    several = Refusal.SEVERAL_IDENTITIES
    yield from_visby("two ids, ours first", several, leaf(GOOD, FORGED))
    yield from_visby("two ids, the other's first", several, leaf(FORGED, GOOD))
    yield from_visby("two ids of one organisation", several, leaf(GOOD, "spiffe://visby.example/gateway/2"))
    yield from_visby("the same id twice", several, leaf(GOOD, GOOD))
    yield from_visby("an id and a web address", several, leaf(GOOD, "https://visby.example/"))
    yield from_visby("three ids", several, leaf(GOOD, FORGED, "spiffe://riga.example/gateway/1"))
    yield from_visby(
        "an id beside a host name", "accept", Wish(names=((URI, GOOD.encode()), (DNS, b"visby.example")))
    )
    yield from_visby("no names at all", Refusal.NO_IDENTITY, leaf())
    yield from_visby("an id as common name only", Refusal.NO_IDENTITY, leaf(subject=GOOD))
    yield from_visby("an id as host name", Refusal.NO_IDENTITY, Wish(names=((DNS, GOOD.encode()),)))
    yield from_visby("an id as mail address", Refusal.NO_IDENTITY, Wish(names=((MAIL, GOOD.encode()),)))


def _forged() -> Iterator[FederationCase]:
    visby, luebeck, riga = organisation(VISBY), organisation(LUEBECK), organisation(RIGA)
    forged = leaf(FORGED)
    yield case("an authority signs for another organisation", Refusal.UNKNOWN_ISSUER, *visby.leaf(forged))
    yield case("the same, from its root", Refusal.UNKNOWN_ISSUER, visby.root.sign(forged))
    yield case(
        "the same, with the other's authorities in the chain",
        Refusal.UNKNOWN_ISSUER,
        *visby.leaf(forged),
        luebeck.issuing,
        luebeck.root,
    )
    twin = mint(authority("luebeck.example root", "spiffe://luebeck.example", owner="a twin"))
    yield case("an anchor's name on another key", Refusal.BAD_SIGNATURE, twin.sign(forged), twin)
    twin_issuing = visby.root.sign(
        authority("luebeck.example issuing", "spiffe://luebeck.example", owner="a twin")
    )
    yield case(
        "an intermediate's name on another key",
        Refusal.UNKNOWN_ISSUER,
        twin_issuing.sign(forged),
        twin_issuing,
    )
    yield case("a self-signed leaf", Refusal.UNKNOWN_ISSUER, mint(leaf(FORGED)))
    yield case(
        "a stranger's own id", Refusal.UNKNOWN_TRUST_DOMAIN, *riga.leaf(leaf("spiffe://riga.example/g"))
    )
    yield case("a stranger with a partner's id", Refusal.UNKNOWN_ISSUER, *riga.leaf(leaf(GOOD)))
    yield case("a partner's own id", "accept", *visby.leaf(leaf(GOOD)))
    yield case("the other partner's own id", "accept", *luebeck.leaf(forged))
    guest = luebeck.root.sign(authority("a guest", "spiffe://visby.example", path_length=0))
    yield case(
        "an authority of another trust domain below ours",
        Refusal.FOREIGN_AUTHORITY,
        guest.sign(forged),
        guest,
    )
    yield case("its leaf for its own trust domain", Refusal.UNKNOWN_ISSUER, guest.sign(leaf(GOOD)), guest)
    with_path = visby.root.sign(authority("with a path", "spiffe://visby.example/ca", path_length=0))
    yield case(
        "an authority with a workload's id", Refusal.FOREIGN_AUTHORITY, with_path.sign(leaf(GOOD)), with_path
    )
    nameless = visby.root.sign(authority("nameless", path_length=0))
    yield case("an authority without a name", "accept", nameless.sign(leaf(GOOD)), nameless)
    yield case(
        "a withdrawn bundle",
        Refusal.TRUST_WITHDRAWN,
        *visby.leaf(leaf(GOOD)),
        bundles=held(visby.bundle(anchors=())),
    )


def _constrained() -> Iterator[FederationCase]:
    uri, directory = x509.UniformResourceIdentifier, x509.DirectoryName
    workload = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "workload")])
    good = {
        "its own domain permitted": constraints(permitted=[uri("visby.example")]),
        "all below its top level permitted": constraints(permitted=[uri(".example")]),
        "another domain excluded": constraints(excluded=[uri("luebeck.example")]),
        "only a host name permitted": constraints(permitted=[x509.DNSName("visby.example")]),
        "the leaf's own subject permitted": constraints(permitted=[directory(workload)]),
    }
    bad = {
        "another domain permitted": constraints(permitted=[uri("luebeck.example")]),
        "its own domain excluded": constraints(excluded=[uri("visby.example")]),
        "only subdomains permitted": constraints(permitted=[uri(".visby.example")]),
        "its top level excluded": constraints(excluded=[uri(".example")]),
        "permitted and excluded at once": constraints(
            permitted=[uri("visby.example")], excluded=[uri("visby.example")]
        ),
        "the leaf's subject excluded": constraints(excluded=[directory(workload)]),
    }
    for want, wishes in (("accept", good), (Refusal.NAME_NOT_PERMITTED, bad)):
        for what, limits in wishes.items():
            below = organisation(VISBY).root.sign(authority("limited", path_length=0, constraints=limits))
            yield case(f"an intermediate with {what}", want, below.sign(leaf(GOOD)), below)
    root = mint(authority("limited root", constraints=constraints(permitted=[uri("luebeck.example")])))
    bundle = organisation(VISBY).bundle(anchors=(root,))
    yield case(
        "an anchor with another domain permitted",
        Refusal.NAME_NOT_PERMITTED,
        root.sign(leaf(GOOD)),
        bundles=held(bundle),
    )
