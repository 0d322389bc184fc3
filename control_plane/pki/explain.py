"""Why no path was found, for people. The library has refused already: nothing here decides anything.

Its message names the last candidate that it tried, which is often not the reason. This follows the names
upwards and says the first thing that is wrong.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import extension
from control_plane.pki.refusal import Refusal, RefusedError
from control_plane.pki.strength import CA_CURVES, check_certificate_key, check_signature_algorithm

_TIME = "%Y-%m-%d %H:%M:%S"

# What the libraries say and the walk below does not look at.
_MEANINGS = (
    ("name constraint", Refusal.NAME_NOT_PERMITTED),
    ("subtree violation", Refusal.NAME_NOT_PERMITTED),
    ("exceeds max depth", Refusal.CHAIN_TOO_LONG),
    ("extended key usage does not let", Refusal.BAD_EXTENDED_KEY_USAGE),
)


def explain(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now: datetime, text: str
) -> RefusedError:
    """Make the error that says what is wrong with the chain; ``text`` is the library's own reason."""
    try:
        _follow(chain, anchors, now)
    except RefusedError as reason:
        return reason
    except InvalidValueError as reason:
        return RefusedError(Refusal(reason.code), reason.detail)
    code = next((code for words, code in _MEANINGS if words in text), Refusal.BROKEN_PATH)
    return RefusedError(code, f"expected a path to a trust anchor, got: {shown(text)}")


def _follow(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now: datetime) -> None:
    certificate, *rest = chain
    authorities_below = 0
    _check_time(certificate, now, anchor=False)
    while certificate not in anchors:
        check_signature_algorithm(certificate, of=_name(certificate))
        certificate, anchor = _issuer_of(certificate, rest, anchors)
        _check_time(certificate, now, anchor=anchor)
        _check_authority(certificate, authorities_below)
        authorities_below += certificate.subject != certificate.issuer
        rest = [other for other in rest if other != certificate]  # a cycle ends


def _issuer_of(
    certificate: x509.Certificate, given: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, bool]:
    """The issuer, and whether it is an anchor; anchors first."""
    named = [(other, True) for other in anchors if other.subject == certificate.issuer]
    named += [(other, False) for other in given if other.subject == certificate.issuer]
    if not named:
        raise RefusedError(
            Refusal.UNKNOWN_ISSUER,
            f"expected a path to one of the {len(anchors)} anchors, got {_name(certificate)}, whose issuer"
            f" {shown(certificate.issuer.rfc4514_string())} was not presented and is none of them",
        )
    for other, anchor in named:
        check_certificate_key(other, of=f"the authority {_name(other)}", curves=CA_CURVES)
        if _signed_by(certificate, other):
            return other, anchor
    raise RefusedError(
        Refusal.BAD_SIGNATURE,
        f"expected {_name(certificate)} to be signed by the issuer that it names, got another",
    )


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_time(certificate: x509.Certificate, now: datetime, *, anchor: bool) -> None:
    if now > certificate.not_valid_after_utc:
        raise RefusedError(
            Refusal.ANCHOR_EXPIRED if anchor else Refusal.EXPIRED,
            f"{_name(certificate)} ended {certificate.not_valid_after_utc:{_TIME}} UTC, and it is"
            f" {now:{_TIME}}",
        )
    if now < certificate.not_valid_before_utc:
        raise RefusedError(
            Refusal.NOT_YET_VALID,
            f"{_name(certificate)} begins {certificate.not_valid_before_utc:{_TIME}} UTC, and it is"
            f" {now:{_TIME}}: compare the clocks",
        )


def _check_authority(certificate: x509.Certificate, authorities_below: int) -> None:
    name = _name(certificate)
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        raise RefusedError(
            Refusal.ISSUER_NOT_A_CA, f"expected an authority as issuer, got {name}, which is none"
        )
    if constraints.path_length is not None and authorities_below > constraints.path_length:
        raise RefusedError(
            Refusal.PATH_TOO_LONG,
            f"{name} allows {constraints.path_length} authorities below itself, and the chain has"
            f" {authorities_below}",
        )


def _name(certificate: x509.Certificate) -> str:
    return shown(certificate.subject.rfc4514_string() or f"serial number {certificate.serial_number:x}")
