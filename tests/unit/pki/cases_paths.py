"""Federation cases about the way from a leaf to an anchor."""

from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from control_plane.pki.path import Purpose
from control_plane.pki.refusal import Refusal
from tests.unit.pki.federation import GOOD, VISBY, FederationCase, case, held, organisation
from tests.unit.pki.minting import (
    ANY,
    CLIENT,
    DAY,
    NOW,
    SERVER,
    Minted,
    authority,
    constraints,
    leaf,
    mint,
    tampered,
)


def path_cases() -> Iterator[FederationCase]:
    """Missing, broken, late, too many, or in another order."""
    yield from _shapes()
    yield from _authorities()
    yield from _lengths()
    yield from _anchors()


def _shapes() -> Iterator[FederationCase]:
    visby = organisation(VISBY)
    one, issuing = visby.leaf(leaf(GOOD))
    other = visby.root.sign(authority("another issuing", path_length=0))
    yield case("a leaf without its intermediate", Refusal.UNKNOWN_ISSUER, one)
    yield case("a chain with its root", "accept", one, issuing, visby.root)
    yield case("a chain in another order", "accept", one, visby.root, issuing)
    yield case("a chain with the leaf twice", "accept", one, one, issuing)
    yield case("a chain with a stranger in it", "accept", one, other, issuing)
    yield case("a leaf from the root itself", "accept", visby.root.sign(leaf(GOOD)))
    yield case("a leaf that was changed", Refusal.BAD_SIGNATURE, tampered(one), issuing)
    yield case("an intermediate that was changed", Refusal.BAD_SIGNATURE, one, tampered(issuing))
    yield case("a leaf that another leaf signed", Refusal.ISSUER_NOT_A_CA, *_below(one), issuing)
    yield case("nine certificates", Refusal.CHAIN_TOO_LONG, *[one] * 8, issuing)
    old = mint(authority("old root", begin=NOW - 20 * DAY, end=NOW - DAY))
    crossed = old.sign(authority("visby.example root", "spiffe://visby.example"))
    yield case("a link to an anchor of the past", "accept", one, issuing, crossed)


def _below(issuer: Minted) -> tuple[Minted, Minted]:
    return issuer.sign(leaf(GOOD, owner="another leaf")), issuer


def _authorities() -> Iterator[FederationCase]:
    code = ExtendedKeyUsageOID.CODE_SIGNING
    wishes: dict[str, tuple[str, dict[str, object]]] = {
        "is no authority": (Refusal.ISSUER_NOT_A_CA, {"ca": False}),
        "has no basic constraints": (Refusal.ISSUER_NOT_A_CA, {"ca": None}),
        "may not certify": (Refusal.ISSUER_NOT_A_CA, {"usages": ("digital_signature", "crl_sign")}),
        "has no key usage": (Refusal.BAD_KEY_USAGE, {"usages": None}),
        "certifies code only": (Refusal.BAD_EXTENDED_KEY_USAGE, {"extended": (code,)}),
        "certifies servers only": (Refusal.BAD_EXTENDED_KEY_USAGE, {"extended": (SERVER,)}),
        "ended": (Refusal.EXPIRED, {"end": NOW - DAY}),
        "has not begun": (Refusal.NOT_YET_VALID, {"begin": NOW + DAY}),
        "has policy constraints": (Refusal.BROKEN_PATH, {"more": ((x509.PolicyConstraints(0, None), True),)}),
        "has a critical unknown extension": (
            Refusal.BROKEN_PATH,
            {
                "more": (
                    (
                        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"),
                        True,
                    ),
                )
            },
        ),
        "certifies clients": ("accept", {"extended": (CLIENT,)}),
        "certifies anything": ("accept", {"extended": (ANY,)}),
    }
    for what, (want, changes) in wishes.items():
        below = organisation(VISBY).root.sign(authority("an issuing one", **changes))
        yield case(f"an intermediate that {what}", want, below.sign(leaf(GOOD)), below)
    uris = constraints(permitted=[x509.UniformResourceIdentifier("visby.example")])
    limited: dict[str, tuple[str, dict[str, object]]] = {
        "servers only": (Refusal.BAD_EXTENDED_KEY_USAGE, {"extended": (SERVER,)}),
        "under policy constraints": (
            Refusal.BROKEN_PATH,
            {"more": ((x509.PolicyConstraints(0, None), False),)},
        ),
    }
    for what, (want, changes) in limited.items():
        below = organisation(VISBY).root.sign(authority("limited to URIs", constraints=uris, **changes))
        yield case(
            f"an intermediate limited to its URIs that certifies {what}", want, below.sign(leaf(GOOD)), below
        )
    servers = organisation(VISBY).root.sign(authority("for servers", extended=(SERVER,)))
    yield case("a server's authority", "accept", servers.sign(leaf(GOOD)), servers, purpose=Purpose.SERVER)


def _lengths() -> Iterator[FederationCase]:
    visby = organisation(VISBY)
    below = visby.issuing.sign(authority("below path length 0", path_length=0))
    yield case(
        "an authority below path length 0",
        Refusal.PATH_TOO_LONG,
        below.sign(leaf(GOOD)),
        below,
        visby.issuing,
    )
    chain = [visby.root]
    for number in range(1, 6):
        chain.append(chain[-1].sign(authority(f"level {number}")))
        want = "accept" if number <= 4 else Refusal.CHAIN_TOO_LONG
        yield case(f"{number} intermediates", want, chain[-1].sign(leaf(GOOD)), *reversed(chain[1:]))
    short = mint(authority("short root", path_length=0))
    one = short.sign(authority("below the short root", path_length=0))
    bundle = visby.bundle(anchors=(short,))
    yield case(
        "an authority below a short root",
        Refusal.PATH_TOO_LONG,
        one.sign(leaf(GOOD)),
        one,
        bundles=held(bundle),
    )
    link = visby.root.sign(authority("linked", path_length=0))
    renewed = link.sign(authority("linked", path_length=0, owner="linked, renewed"))
    yield case("a self-issued link below path length 0", "accept", renewed.sign(leaf(GOOD)), renewed, link)
    levels = [visby.root.sign(authority("many links"))]
    for number in range(1, 6):
        levels.append(levels[-1].sign(authority(f"link level {number}")))
    again = levels[-1].sign(authority("link level 5", owner="link level 5, renewed"))
    yield case(
        "six intermediates and a self-issued link",
        Refusal.CHAIN_TOO_LONG,
        again.sign(leaf(GOOD)),
        again,
        *reversed(levels),
    )


def _anchors() -> Iterator[FederationCase]:
    visby = organisation(VISBY)
    second = mint(authority("second root", "spiffe://visby.example"))
    below = second.sign(authority("second issuing", path_length=0))
    both = held(visby.bundle(anchors=(visby.root, second)))
    yield case("the newer of two anchors", "accept", below.sign(leaf(GOOD)), below, bundles=both)
    yield case("the older of two anchors", "accept", *visby.leaf(leaf(GOOD)), bundles=both)
    after = held(visby.bundle(anchors=(second,)))
    yield case(
        "an anchor that was rotated away", Refusal.UNKNOWN_ISSUER, *visby.leaf(leaf(GOOD)), bundles=after
    )
    for what, want, changes in (
        ("ended", Refusal.ANCHOR_EXPIRED, {"end": NOW - DAY}),
        ("has not begun", Refusal.NOT_YET_VALID, {"begin": NOW + DAY}),
    ):
        anchor = mint(authority(f"anchor that {what}", **changes))
        bundles = held(visby.bundle(anchors=(anchor,)))
        yield case(f"an anchor that {what}", want, anchor.sign(leaf(GOOD)), bundles=bundles)
        with_good = held(visby.bundle(anchors=(anchor, visby.root)))
        yield case(
            f"a good anchor beside one that {what}", "accept", *visby.leaf(leaf(GOOD)), bundles=with_good
        )
