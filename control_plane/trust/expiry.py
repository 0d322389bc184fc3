"""Everything that ends, what then breaks, and how urgent that is (pure)."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from control_plane.model.bundle import Bundle
from control_plane.model.expiry import Dated, DatedKind, Expiring, Urgency
from control_plane.pki.certificate import load_certificate
from control_plane.pki.crl import load_crl
from control_plane.trust.dates import dated

# Whatever lives long is announced a month ahead; what lives shortly, when renewal must have failed.
WARN, WARN_SHARE = timedelta(days=30), 0.25
ALARM, ALARM_SHARE = timedelta(days=7), 0.1

_BREAKS = {
    DatedKind.LEAF: "no partner accepts {subject} any more: its requests fail in both directions",
    DatedKind.CONTROL_PLANE: "gateways on other machines and partners' control planes cannot connect to us",
    DatedKind.INTERMEDIATE: "no certificate of our gateways can be renewed, and those in use are refused",
    DatedKind.ROOT: "partners refuse every certificate of ours: change the anchors before"
    " (`proxenia cert rotation start`)",
    DatedKind.PARTNER_ANCHOR: "certificates of {organisation} below this anchor are refused: traffic with it"
    " stops, unless its bundle has another",
    DatedKind.CRL: "revocations of {organisation} that come later are not seen; with a hard policy its"
    " certificates are refused",
    DatedKind.INVITATION: "{organisation} cannot join with it any more: invite it again",
}


def watch(items: Iterable[Dated], now: datetime) -> tuple[Expiring, ...]:
    """Everything that ends; the most urgent first, then what ends first."""
    ranked = [(urgency(item, now), item) for item in items]
    ranked.sort(key=lambda pair: (-pair[0], pair[1].not_after, pair[1].subject))
    return tuple(_expiring(item, level, now) for level, item in ranked)


def urgency(item: Dated, now: datetime) -> Urgency:
    """How soon somebody has to look; an invitation is meant to end."""
    left, life = item.not_after - now, item.not_after - item.not_before
    if left <= timedelta(0):
        return Urgency.EXPIRED
    if item.kind is DatedKind.INVITATION:
        return Urgency.OK
    if left <= min(ALARM, life * ALARM_SHARE):
        return Urgency.CRITICAL
    return Urgency.WARNING if left <= min(WARN, life * WARN_SHARE) else Urgency.OK


@lru_cache(maxsize=1024)  # whoever asks how we are asks again and again
def of_bundle(bundle: Bundle) -> tuple[Dated, ...]:
    """A partner's anchors and lists; a list without a next update does not end."""
    return tuple(_of_bundle(bundle))


def _of_bundle(bundle: Bundle) -> Iterator[Dated]:
    for anchor in bundle.anchors:
        yield dated(load_certificate(anchor), DatedKind.PARTNER_ANCHOR, bundle.organisation)
    for number, text in enumerate(bundle.crls, start=1):
        crl = load_crl(text)
        if crl.next_update_utc is not None:
            yield Dated(
                subject=f"crl {number} of {bundle.organisation}",
                kind=DatedKind.CRL,
                organisation=bundle.organisation,
                not_before=crl.last_update_utc,
                not_after=crl.next_update_utc,
            )


def _expiring(item: Dated, level: Urgency, now: datetime) -> Expiring:
    return Expiring(
        subject=item.subject,
        kind=item.kind,
        organisation=item.organisation,
        not_after=item.not_after,
        breaks=_BREAKS[item.kind].format(subject=item.subject, organisation=item.organisation),
        seconds_left=int((item.not_after - now).total_seconds()),
        severity=level.name.lower(),
    )
