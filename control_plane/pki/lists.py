"""Revocation lists of one organisation as operators hand them in: all of them good, or all refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from control_plane.model.bundle import Bundle
from control_plane.model.crl import CrlMode, CrlPolicy
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import extension, load_certificate
from control_plane.pki.crl import check_crls, load_crl, speaks_for
from control_plane.pki.in_force import MAX_DENIED, issuer_key
from control_plane.pki.strength import SIGNATURE_HASHES


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlInfo:
    """A revocation list for people. ``of_anchor``: one of the bundle's own authorities signed it."""

    issuer: str
    of_anchor: bool
    number: int
    this_update: datetime
    next_update: datetime | None
    revoked: int


def check_lists(pem_text: str, bundle: Bundle, policy: CrlPolicy) -> tuple[str, ...]:
    """Split PEM text into lists for ``bundle``, each one good, and of each authority one.

    InvalidValueError codes: ``bad_crl``, ``too_many_crls``, ``foreign_crl``, ``duplicate_crl``,
    ``crl_rollback``, ``too_many_revoked``.
    """
    pems = check_crls(pem_text)
    lists = [load_crl(pem) for pem in pems]
    anchors = [load_certificate(anchor) for anchor in bundle.anchors]
    for crl in lists:
        _check_issuer(crl, anchors)
    # Of two lists of one authority Envoy only reads the newer, so the older would un-revoke without a word.
    if len({issuer_key(crl) for crl in lists}) != len(lists):
        raise InvalidValueError("duplicate_crl", "expected one list of each authority, got two of one")
    for crl, before in _successors(lists, [load_crl(pem) for pem in bundle.crls]):
        if _number(crl) < _number(before):
            raise InvalidValueError(
                "crl_rollback",
                f"expected list {_number(before)} of {_name(crl)} or a later one, got {_number(crl)}",
            )
    revoked = len(revoked_serials(pems))
    if policy.mode is CrlMode.SOFT and revoked > MAX_DENIED:
        raise InvalidValueError(
            "too_many_revoked",
            f"expected at most {MAX_DENIED} revoked certificates under a soft policy, got {revoked}: Envoy"
            " compares with each of them while the lists are late",
        )
    return pems


def revoked_serials(pems: Sequence[str]) -> frozenset[int]:
    """The serial numbers that lists name."""
    return frozenset(revoked.serial_number for pem in pems for revoked in load_crl(pem))


def describe_lists(bundle: Bundle) -> tuple[CrlInfo, ...]:
    """Everything that is shown of a bundle's lists."""
    anchors = [load_certificate(anchor) for anchor in bundle.anchors]
    return tuple(
        CrlInfo(
            issuer=crl.issuer.rfc4514_string(),
            of_anchor=any(speaks_for(crl, anchor) for anchor in anchors),
            number=_number(crl),
            this_update=crl.last_update_utc,
            next_update=crl.next_update_utc,
            revoked=len(crl),
        )
        for crl in map(load_crl, bundle.crls)
    )


def _check_issuer(crl: x509.CertificateRevocationList, anchors: Sequence[x509.Certificate]) -> None:
    """A list that says it is an anchor's is signed by that one; whose key we have not, we cannot check."""
    if not isinstance(crl.signature_hash_algorithm, SIGNATURE_HASHES):
        raise InvalidValueError(
            "bad_crl", f"expected a list signed over SHA-256 or longer, got another of {_name(crl)}"
        )
    named = [anchor for anchor in anchors if _claims(crl, anchor)]
    if named and not any(speaks_for(crl, anchor) for anchor in named):
        raise InvalidValueError(
            "foreign_crl",
            f"expected a list that {_name(crl)} of the bundle signed and may sign, got one that it did not",
        )


def _claims(crl: x509.CertificateRevocationList, anchor: x509.Certificate) -> bool:
    name, key = issuer_key(crl)
    own = extension(anchor, x509.SubjectKeyIdentifier)
    return name == anchor.subject and (key is None or own is None or key == own.digest)


def _successors(
    lists: Sequence[x509.CertificateRevocationList], present: Sequence[x509.CertificateRevocationList]
) -> Iterator[tuple[x509.CertificateRevocationList, x509.CertificateRevocationList]]:
    before = {issuer_key(crl): crl for crl in present}
    return ((crl, before[issuer_key(crl)]) for crl in lists if issuer_key(crl) in before)


def _number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _name(crl: x509.CertificateRevocationList) -> str:
    return shown(crl.issuer.rfc4514_string())
