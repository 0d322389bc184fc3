"""Which of an organisation's revocation lists Envoy is given, so that it does what our own policy says.

Envoy knows one policy: as soon as a bundle has one list, every authority needs one in force, or all that it
signed is refused. That is ``hard``, and then it is given everything. It knows no ``soft``: there it is given
the lists only while they are complete and in force; else they stay out, the certificates that they name
are denied by their serial numbers, and an authority whose grace is over is left out with them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509

from control_plane.model.bundle import Bundle
from control_plane.model.crl import CrlMode
from control_plane.model.federation import InForce
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.pki.certificate import extension, load_certificate, serial_hex
from control_plane.pki.crl import load_crl, speaks_for

MAX_DENIED = 256  # serial numbers of one partner that our ingress compares with
# Soft lists are taken away from Envoy before they end: it would refuse everything at that moment, also when
# we are not there to take them away.
MARGIN, MARGIN_SHARE = timedelta(hours=1), 0.1

_SEND = "ask the partner for its present lists, then `proxenia bundle crl set`"

Crl = x509.CertificateRevocationList


@dataclass(frozen=True, slots=True)
class _Issuer:
    """An authority and its lists that have begun; ``anchor`` None: it is known by its lists only."""

    name: str
    anchor: str | None
    lists: tuple[Crl, ...]

    @property
    def end(self) -> datetime | None:
        """When its last list ends."""
        return max((_end(crl) for crl in self.lists), default=None)


def in_force(bundle: Bundle, now: datetime) -> InForce:
    """What Envoy is given of ``bundle`` at ``now``, what is wrong with it, and until when that holds."""
    if not bundle.crls:
        return InForce(bundle)
    try:
        anchors = [(pem, load_certificate(pem)) for pem in bundle.anchors]
        lists = [load_crl(pem) for pem in bundle.crls]
    except InvalidValueError as error:
        problem = _problem(bundle, "crl_unreadable", error.detail, "set its lists again")
        return InForce(bundle, (), (problem,))
    issuers = tuple(_issuers(anchors, lists, now))
    until = min((date for date in _dates(bundle, lists) if date > now), default=None)
    if bundle.crl_policy.mode is CrlMode.HARD:
        # Of two lists of one authority Envoy reads the newer only; what the older names is still revoked.
        twice = _named(issuer for issuer in issuers if len(issuer.lists) > 1)
        return InForce(bundle, twice[:MAX_DENIED], tuple(_refused(bundle, issuers, now)), until)
    if _complete(issuers, [anchor for _, anchor in anchors], now):
        return InForce(bundle, (), (), until)
    return replace(_softly(bundle, issuers, now), until=until)


def _softly(bundle: Bundle, issuers: Sequence[_Issuer], now: datetime) -> InForce:
    """Without lists, unless only they can refuse what has to be refused."""
    over = [issuer for issuer in issuers if issuer.end and now >= issuer.end + bundle.crl_policy.grace]
    serials = _named(issuers)
    ended = tuple(_ended(bundle, issuer) for issuer in over)
    if len(serials) > MAX_DENIED or any(issuer.anchor is None for issuer in over):
        detail = (
            f"its lists are not all in force, and Envoy refuses more than it should ({len(serials)} revoked)"
        )
        return InForce(bundle, (), (*ended, _problem(bundle, "crl_not_soft", detail, _SEND)))
    anchors = tuple(pem for pem in bundle.anchors if pem not in {issuer.anchor for issuer in over})
    detail = (
        "expected a list in force of every authority, got fewer: our egress looks at none, our ingress denies"
        f" the {len(serials)} certificates that they name"
    )
    problem = _problem(bundle, "crl_left_out", detail, _SEND)
    return InForce(replace(bundle, anchors=anchors, crls=()), serials, (*ended, problem))


def _complete(issuers: Sequence[_Issuer], anchors: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether Envoy would refuse nobody for the want of a list: which authorities there are, lists tell."""
    below = any(issuer.anchor is None for issuer in issuers)
    return all(_safe(issuer, now) for issuer in issuers) and (below or all(map(_signs_leaves, anchors)))


def _signs_leaves(anchor: x509.Certificate) -> bool:
    constraints = extension(anchor, x509.BasicConstraints)
    return constraints is not None and constraints.path_length == 0


def _safe(issuer: _Issuer, now: datetime) -> bool:
    return any(now < _end(crl) - _margin(crl) for crl in issuer.lists)


def _refused(bundle: Bundle, issuers: Iterable[_Issuer], now: datetime) -> Iterator[Problem]:
    """What a hard policy makes of missing and old lists."""
    for issuer in issuers:
        if issuer.end is None:
            detail = f"expected a list of {issuer.name}, got none: its certificates are refused"
            yield _problem(bundle, "crl_missing", detail, _SEND)
        elif issuer.end <= now:
            yield _ended(bundle, issuer)


def _ended(bundle: Bundle, issuer: _Issuer) -> Problem:
    detail = f"the list of {issuer.name} ended {issuer.end:%Y-%m-%d %H:%M} UTC: its certificates are refused"
    return _problem(bundle, "crl_expired", detail, _SEND)


def _issuers(
    anchors: Sequence[tuple[str, x509.Certificate]], lists: Sequence[Crl], now: datetime
) -> Iterator[_Issuer]:
    """Every anchor, and every other authority that has a list."""
    left = list(lists)
    for pem, anchor in anchors:
        own = [crl for crl in lists if speaks_for(crl, anchor)]
        left = [crl for crl in left if crl not in own]
        yield _Issuer(_name(anchor.subject), pem, _begun(own, now))
    others: dict[tuple[x509.Name, bytes | None], list[Crl]] = {}
    for crl in left:
        others.setdefault(issuer_key(crl), []).append(crl)
    for (name, _), own in others.items():
        yield _Issuer(_name(name), None, _begun(own, now))


def issuer_key(crl: Crl) -> tuple[x509.Name, bytes | None]:
    """Whose list it says it is: a name and, when it gives one, the identifier of a key."""
    try:
        key = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        key = None
    return crl.issuer, key


def _named(issuers: Iterable[_Issuer]) -> tuple[str, ...]:
    """The serial numbers that lists name, as Envoy writes them."""
    found = {revoked.serial_number for issuer in issuers for crl in issuer.lists for revoked in crl}
    return tuple(sorted(map(serial_hex, found)))


def _begun(lists: Iterable[Crl], now: datetime) -> tuple[Crl, ...]:
    return tuple(crl for crl in lists if crl.last_update_utc <= now)


def _dates(bundle: Bundle, lists: Iterable[Crl]) -> Iterator[datetime]:
    """When the answer may become another."""
    soft = bundle.crl_policy.mode is CrlMode.SOFT
    for crl in lists:
        yield from (crl.last_update_utc, _end(crl))
        if soft:
            yield from (_end(crl) - _margin(crl), _end(crl) + bundle.crl_policy.grace)


def _end(crl: Crl) -> datetime:
    end = crl.next_update_utc
    assert end is not None  # noqa: S101 - load_crl refuses lists without one
    return end


def _margin(crl: Crl) -> timedelta:
    return min(MARGIN, (_end(crl) - crl.last_update_utc) * MARGIN_SHARE)


def _name(name: x509.Name) -> str:
    return shown(name.rfc4514_string())


def _problem(bundle: Bundle, code: str, detail: str, hint: str) -> Problem:
    return Problem(f"organisation {bundle.organisation}", code, detail, hint)
