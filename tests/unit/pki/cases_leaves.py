"""Federation cases about leaves: what they may be used for, when, and how strong they are."""

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from control_plane.pki.path import Purpose
from control_plane.pki.refusal import Refusal
from tests.unit.pki.federation import GOOD, VISBY, FederationCase, case, from_visby, held, organisation
from tests.unit.pki.minting import ANY, CLIENT, DAY, NOW, SERVER, authority, constraints, leaf, mint

SECOND = timedelta(seconds=1)


def leaf_cases() -> Iterator[FederationCase]:
    """Everything that the leaf alone decides."""
    yield from _authorities()
    yield from _usages()
    yield from _times()
    yield from _strength()


def _authorities() -> Iterator[FederationCase]:
    visby = organisation(VISBY)
    yield from_visby("a leaf that is an authority", Refusal.CA_AS_LEAF, leaf(GOOD, ca=True))
    yield from_visby(
        "a leaf that may certify",
        Refusal.CA_AS_LEAF,
        leaf(GOOD, usages=("digital_signature", "key_cert_sign")),
    )
    yield from_visby(
        "a leaf that may revoke", Refusal.CA_AS_LEAF, leaf(GOOD, usages=("digital_signature", "crl_sign"))
    )
    as_workload = authority("an authority at work", GOOD, extended=(SERVER, CLIENT), path_length=0)
    yield case("an authority as a workload", Refusal.CA_AS_LEAF, visby.root.sign(as_workload))
    yield case("an intermediate as a workload", Refusal.BAD_IDENTITY, visby.issuing)
    yield case("an anchor as a workload", Refusal.BAD_IDENTITY, visby.root)
    anchor = mint(authority("anchor at work", GOOD, extended=(SERVER, CLIENT)))
    yield case("a self-signed authority as a workload", Refusal.CA_AS_LEAF, anchor)
    yield from_visby("a leaf without basic constraints", "accept", leaf(GOOD, ca=None))
    yield from_visby(
        "a leaf with name constraints",
        Refusal.BROKEN_PATH,
        leaf(GOOD, constraints=constraints(permitted=[x509.DNSName("visby.example")])),
    )
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    yield from_visby("a leaf with an unknown extension", "accept", leaf(GOOD, more=((unknown, False),)))
    yield from_visby(
        "a leaf with a critical unknown extension", Refusal.BROKEN_PATH, leaf(GOOD, more=((unknown, True),))
    )


def _usages() -> Iterator[FederationCase]:
    bad_usage, bad_purpose = Refusal.BAD_KEY_USAGE, Refusal.BAD_EXTENDED_KEY_USAGE
    yield from_visby("no key usage", bad_usage, leaf(GOOD, usages=None))
    yield from_visby("key usage without signatures", bad_usage, leaf(GOOD, usages=("key_encipherment",)))
    yield from_visby(
        "key usage for more than signatures",
        "accept",
        leaf(GOOD, usages=("digital_signature", "key_encipherment")),
    )
    yield from_visby("no EKU", bad_purpose, leaf(GOOD, extended=None))
    yield from_visby("EKU for servers, as a client", bad_purpose, leaf(GOOD, extended=(SERVER,)))
    yield from_visby("EKU for clients, as a client", "accept", leaf(GOOD, extended=(CLIENT,)))
    yield from_visby(
        "EKU for clients, as a server", bad_purpose, leaf(GOOD, extended=(CLIENT,)), purpose=Purpose.SERVER
    )
    yield from_visby(
        "EKU for servers, as a server", "accept", leaf(GOOD, extended=(SERVER,)), purpose=Purpose.SERVER
    )
    yield from_visby("EKU for both, as a server", "accept", leaf(GOOD), purpose=Purpose.SERVER)
    yield from_visby("EKU for code", bad_purpose, leaf(GOOD, extended=(ExtendedKeyUsageOID.CODE_SIGNING,)))
    yield from_visby("EKU for anything", bad_purpose, leaf(GOOD, extended=(ANY,)))
    yield from_visby("EKU for anything and clients", bad_purpose, leaf(GOOD, extended=(ANY, CLIENT)))
    mail = ExtendedKeyUsageOID.EMAIL_PROTECTION
    yield from_visby("EKU for mail and both ends", "accept", leaf(GOOD, extended=(mail, CLIENT, SERVER)))


def _times() -> Iterator[FederationCase]:
    yield from_visby("a leaf that ended", Refusal.EXPIRED, leaf(GOOD, begin=NOW - 2 * DAY, end=NOW - DAY))
    yield from_visby("a leaf that ended a second ago", Refusal.EXPIRED, leaf(GOOD, end=NOW - SECOND))
    yield from_visby("a leaf that ends now", "accept", leaf(GOOD, end=NOW), exact=True)
    yield from_visby("a leaf that begins now", "accept", leaf(GOOD, begin=NOW), exact=True)
    yield from_visby(
        "a leaf that begins in a second", Refusal.NOT_YET_VALID, leaf(GOOD, begin=NOW + SECOND), exact=True
    )
    yield from_visby(
        "a leaf of tomorrow", Refusal.NOT_YET_VALID, leaf(GOOD, begin=NOW + DAY, end=NOW + 2 * DAY)
    )
    yield from_visby("a leaf of 90 days", "accept", leaf(GOOD, begin=NOW - DAY, end=NOW + 89 * DAY))
    yield from_visby(
        "a leaf of 90 days and a second",
        Refusal.LIFETIME_TOO_LONG,
        leaf(GOOD, begin=NOW - DAY, end=NOW + 89 * DAY + SECOND),
    )
    yield from_visby("a leaf of ten years", Refusal.LIFETIME_TOO_LONG, leaf(GOOD, end=NOW + 3650 * DAY))


def _strength() -> Iterator[FederationCase]:
    for kind in ("P-384", "RSA-2048", "RSA-3072"):
        yield from_visby(f"a leaf with {kind}", "accept", leaf(GOOD, key=kind))
    for kind in ("RSA-1024", "secp256k1", "P-192", "P-521", "Ed25519", "DSA"):
        yield from_visby(f"a leaf with {kind}", Refusal.WEAK_KEY, leaf(GOOD, key=kind))
    yield from_visby("a signature over SHA-384", "accept", leaf(GOOD, hash=hashes.SHA384()))
    yield from_visby("a signature over SHA-512", "accept", leaf(GOOD, hash=hashes.SHA512()))
    yield from_visby("a signature over SHA-224", Refusal.WEAK_SIGNATURE, leaf(GOOD, hash=hashes.SHA224()))
    yield from_visby("a serial number of 20 bytes", "accept", leaf(GOOD, serial=(1 << 159) - 1))
    for kind in ("RSA-2048", "P-384", "P-521"):
        root = mint(authority(f"{kind} root", key=kind))
        below = root.sign(authority(f"{kind} issuing", key=kind, path_length=0))
        bundle = organisation(VISBY).bundle(anchors=(root,))
        yield case(f"authorities with {kind}", "accept", below.sign(leaf(GOOD)), below, bundles=held(bundle))
    for kind, want in (
        ("RSA-1024", Refusal.WEAK_KEY),
        ("secp256k1", Refusal.WEAK_KEY),
        ("Ed25519", Refusal.WEAK_SIGNATURE),
    ):
        weak = organisation(VISBY).root.sign(authority(f"weak {kind}", key=kind, path_length=0))
        yield case(f"an intermediate with {kind}", want, weak.sign(leaf(GOOD)), weak)
    yield from_visby(
        "an empty subject with a critical name", "accept", leaf(GOOD, subject=None, names_critical=True)
    )
