"""Trust anchors as they arrive from a partner or an operator: all of them good, or all refused."""

import re
from itertools import pairwise

from cryptography import x509

from control_plane.model.identity import TrustDomain, shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import extension, fingerprint, load_certificate, to_pem, uri_names
from control_plane.pki.strength import CA_CURVES, check_certificate_key

MAX_ANCHORS = 32  # an organisation needs one, and two while it rotates
MAX_BUNDLE = 256 * 1024  # bytes of PEM text

_BOUNDARY = re.compile(r"-----(BEGIN|END) ([^\n-]{1,64})-----")


def check_anchors(pem_text: str, organisation: TrustDomain) -> tuple[str, ...]:
    """Split a PEM bundle into its CA certificates, one PEM text each, in their order.

    Text between the certificates is dropped. InvalidValueError codes: ``empty_bundle``, ``bundle_too_large``,
    ``too_many_anchors``, ``private_key_in_bundle``, ``not_a_certificate``, ``not_a_ca``, ``weak_key``,
    ``foreign_anchor``, ``duplicate_anchor``.
    """
    if len(pem_text) > MAX_BUNDLE:
        raise InvalidValueError(
            "bundle_too_large", f"expected a bundle of at most {MAX_BUNDLE} characters, got {len(pem_text)}"
        )
    if "PRIVATE KEY" in pem_text:
        raise InvalidValueError(
            "private_key_in_bundle",
            "expected certificates only, got a private key: consider that key as disclosed, and replace it",
        )
    blocks = _blocks(pem_text)
    if not blocks:
        raise InvalidValueError("empty_bundle", "expected at least one CA certificate in PEM form, got none")
    if len(blocks) > MAX_ANCHORS:
        raise InvalidValueError(
            "too_many_anchors", f"expected at most {MAX_ANCHORS} CA certificates, got {len(blocks)}"
        )
    anchors = [load_certificate(block) for block in blocks]
    for anchor in anchors:
        check_anchor(anchor, organisation)
    if len({fingerprint(anchor) for anchor in anchors}) != len(anchors):
        raise InvalidValueError(
            "duplicate_anchor", "expected different CA certificates, got the same one twice"
        )
    return tuple(to_pem([anchor]) for anchor in anchors)


def check_anchor(anchor: x509.Certificate, organisation: TrustDomain) -> None:
    """Refuse what must not anchor ``organisation``: leaves, weak keys, authorities of other trust domains."""
    subject = shown(anchor.subject.rfc4514_string())
    _check_authority(anchor, subject)
    check_certificate_key(anchor, of="a CA certificate", curves=CA_CURVES)
    # X509-SVID 4.3: an authority may carry its trust domain as a SPIFFE id without a path.
    for name in uri_names(anchor):
        if name != f"spiffe://{organisation}":
            raise InvalidValueError(
                "foreign_anchor",
                f"expected an authority of {organisation}, got {shown(name)}: anchors speak for their"
                " own trust domain only",
            )


def _check_authority(anchor: x509.Certificate, subject: str) -> None:
    constraints = extension(anchor, x509.BasicConstraints)
    usage = extension(anchor, x509.KeyUsage)
    if constraints is None or usage is None:
        raise InvalidValueError(
            "not_a_ca",
            f"expected a CA certificate with basic constraints and key usage, got {subject} without them",
        )
    if not (constraints.ca and usage.key_cert_sign):
        raise InvalidValueError(
            "not_a_ca",
            f"expected a CA certificate that may sign certificates, got {subject}: give the issuer's",
        )


def _blocks(pem_text: str) -> list[str]:
    """Cut at the boundaries; each BEGIN CERTIFICATE must be followed by its END, nothing else may begin."""
    marks = list(_BOUNDARY.finditer(pem_text))
    expected = [("BEGIN", "CERTIFICATE"), ("END", "CERTIFICATE")] * (len(marks) // 2)
    if [mark.groups() for mark in marks] != expected or pem_text.count("-----") != 2 * len(marks):
        raise InvalidValueError(
            "not_a_certificate",
            "expected whole PEM blocks of type CERTIFICATE, got another type or a torn block",
        )
    return [pem_text[begin.start() : end.end()] for begin, end in list(pairwise(marks))[::2]]
