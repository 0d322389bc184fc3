"""Federation cases about revocation lists: each organisation's are its own affair."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from control_plane.model.crl import CrlMode, CrlPolicy
from control_plane.pki.refusal import Refusal
from tests.unit.pki.federation import FORGED, GOOD, LUEBECK, VISBY, FederationCase, case, held, organisation
from tests.unit.pki.minting import DAY, NOW, Minted, authority, crl_pem, leaf, mint

HOUR = timedelta(hours=1)
SOFT = CrlPolicy(CrlMode.SOFT, grace=DAY)


def list_cases() -> Iterator[FederationCase]:
    """Revoked, incomplete, old, foreign and early lists, under both policies."""
    yield from _hard()
    yield from _soft()
    yield from _of_others()


def _world() -> tuple[Minted, Minted, str, str]:
    """A leaf of Visby, its issuer, and a good list of each of Visby's authorities."""
    visby = organisation(VISBY)
    one, issuing = visby.leaf(leaf(GOOD))
    return one, issuing, crl_pem(visby.root), crl_pem(issuing)


def _hard() -> Iterator[FederationCase]:
    visby = organisation(VISBY)
    one, issuing, of_root, of_issuing = _world()
    serial, above = one.certificate.serial_number, issuing.certificate.serial_number
    late = crl_pem(issuing, begin=NOW - 2 * DAY, end=NOW - HOUR)
    weak = mint(authority("visby.example root", "spiffe://visby.example", owner="a twin of visby"))
    mute = visby.root.sign(authority("mute", path_length=0, usages=("key_cert_sign",)))
    lists = {
        "no revoked certificate": ("accept", (of_root, of_issuing)),
        "the leaf revoked": (Refusal.REVOKED, (of_root, crl_pem(issuing, serial))),
        "the leaf revoked among others": (Refusal.REVOKED, (of_root, crl_pem(issuing, 7, serial, 9))),
        "the intermediate revoked": (Refusal.REVOKED, (crl_pem(visby.root, above), of_issuing)),
        "the leaf's serial number revoked by the root": ("accept", (crl_pem(visby.root, serial), of_issuing)),
        "others revoked": ("accept", (of_root, crl_pem(issuing, 7, 8, 9))),
        "the leaf revoked by an old list only": (
            Refusal.REVOKED,
            (of_root, of_issuing, crl_pem(issuing, serial)),
        ),
        "the leaf revoked by an expired list": (
            Refusal.REVOKED,
            (of_root, crl_pem(issuing, serial, begin=NOW - 2 * DAY, end=NOW - DAY)),
        ),
        "an expired list of its issuer": (Refusal.CRL_EXPIRED, (of_root, late)),
        "an expired list beside a good one": ("accept", (of_root, late, of_issuing)),
        "an expired list of the root": (
            Refusal.CRL_EXPIRED,
            (crl_pem(visby.root, begin=NOW - 2 * DAY, end=NOW - DAY), of_issuing),
        ),
        "no list of its issuer": (Refusal.CRL_MISSING, (of_root,)),
        "no list of the root": (Refusal.CRL_MISSING, (of_issuing,)),
        "a list of tomorrow": (
            Refusal.CRL_MISSING,
            (of_root, crl_pem(issuing, begin=NOW + DAY, end=NOW + 2 * DAY)),
        ),
        "a list with the root's name and another key": (
            Refusal.CRL_MISSING,
            (crl_pem(weak, above), of_issuing),
        ),
    }
    for what, (want, crls) in lists.items():
        yield case(f"hard policy, {what}", want, one, issuing, bundles=held(visby.bundle(*crls)))
    yield case(
        "hard policy, a list of an authority that may sign none",
        Refusal.CRL_MISSING,
        mute.sign(leaf(GOOD)),
        mute,
        bundles=held(visby.bundle(of_root, crl_pem(mute))),
    )
    direct = visby.root.sign(leaf(GOOD))
    yield case(
        "hard policy, one authority and its list", "accept", direct, bundles=held(visby.bundle(of_root))
    )


def _soft() -> Iterator[FederationCase]:
    visby = organisation(VISBY)
    one, issuing, of_root, of_issuing = _world()
    serial, above = one.certificate.serial_number, issuing.certificate.serial_number
    lists = {
        "no revoked certificate": ("accept", (of_root, of_issuing)),
        "the leaf revoked": (Refusal.REVOKED, (of_root, crl_pem(issuing, serial))),
        "no list of its issuer": ("accept", (of_root,)),
        "no list of the root": ("accept", (of_issuing,)),
        "a list within its grace": (
            "accept",
            (of_root, crl_pem(issuing, begin=NOW - 2 * DAY, end=NOW - HOUR)),
        ),
        "a list beyond its grace": (
            Refusal.CRL_EXPIRED,
            (of_root, crl_pem(issuing, begin=NOW - 3 * DAY, end=NOW - DAY - HOUR)),
        ),
        "the intermediate revoked": (Refusal.REVOKED, (crl_pem(visby.root, above), of_issuing)),
        "the leaf revoked, and no list of the root": (Refusal.REVOKED, (crl_pem(issuing, serial),)),
        "the leaf revoked by a list within its grace": (
            Refusal.REVOKED,
            (of_root, crl_pem(issuing, serial, begin=NOW - 2 * DAY, end=NOW - HOUR)),
        ),
    }
    for what, (want, crls) in lists.items():
        bundle = replace(visby.bundle(*crls), crl_policy=SOFT)
        yield case(f"soft policy, {what}", want, one, issuing, bundles=held(bundle))


def _of_others() -> Iterator[FederationCase]:
    visby, luebeck = organisation(VISBY), organisation(LUEBECK)
    one, issuing, _, _ = _world()
    late = crl_pem(luebeck.root, begin=NOW - 3 * DAY, end=NOW - 2 * DAY)
    others = held(luebeck.bundle(late))
    yield case("another partner's expired list", "accept", one, issuing, bundles=others)
    yield case("its own expired list", Refusal.CRL_EXPIRED, luebeck.root.sign(leaf(FORGED)), bundles=others)
    naming_ours = held(luebeck.bundle(crl_pem(luebeck.root, one.certificate.serial_number)))
    yield case("another partner's list with our serial number", "accept", one, issuing, bundles=naming_ours)
    foreign = held(visby.bundle(crl_pem(luebeck.root), crl_pem(luebeck.issuing)))
    yield case("another partner's lists in our bundle", Refusal.CRL_MISSING, one, issuing, bundles=foreign)
