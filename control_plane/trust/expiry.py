"""Everything that ends, what then breaks, and how urgent that is (pure)."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from control_plane.model.bundle import Bundle
from control_plane.model.expiry import Dated, DatedKind, Expiring, ExpiryPage, Urgency
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


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that ends, from when on it is urgent, and its place among what is as urgent."""

    item: Dated
    place: str
    warning: datetime
    critical: datetime

    @classmethod
    def of(cls, item: Dated) -> "Ending":
        """An invitation is meant to end: it is never urgent."""
        end, life = item.not_after, item.not_after - item.not_before
        place = f"{end.astimezone(UTC).isoformat()}|{item.subject}|{item.organisation}|{item.kind}"
        if item.kind is DatedKind.INVITATION:
            return cls(item, place, end, end)
        return cls(item, place, end - min(WARN, life * WARN_SHARE), end - min(ALARM, life * ALARM_SHARE))

    def urgency(self, now: datetime) -> Urgency:
        """How soon somebody has to look."""
        if now >= self.item.not_after:
            return Urgency.EXPIRED
        if now >= self.critical:
            return Urgency.CRITICAL
        return Urgency.WARNING if now >= self.warning else Urgency.OK


def watch(endings: Iterable[Ending], now: datetime) -> tuple[Expiring, ...]:
    """Everything that ends; the most urgent first, then what ends first."""
    ranked = _ranked(endings, now)
    return tuple(_expiring(one.item, level, now) for level, some in ranked for one in some)


def page(endings: Iterable[Ending], now: datetime, *, after: str, limit: int) -> ExpiryPage:
    """Some of it, in the same order, without describing the rest."""
    ranked = _ranked(endings, now)
    found: list[tuple[str, Expiring]] = []
    for level, some in ranked:
        rank = f"{Urgency.EXPIRED - level}|"  # what is worse comes first

        def cursor(one: Ending, rank: str = rank) -> str:
            return rank + one.place

        begin = bisect_right(some, after, key=cursor)
        wanted = some[begin : begin + limit + 1 - len(found)]
        found += [(cursor(one), _expiring(one.item, level, now)) for one in wanted]
    worst = next(((level, some[0]) for level, some in ranked if some), None)
    return ExpiryPage(
        items=tuple(item for _, item in found[:limit]),
        next=found[limit - 1][0] if len(found) > limit else None,
        counts={level.name.lower(): len(some) for level, some in ranked},
        first=_expiring(worst[1].item, worst[0], now) if worst else None,
    )


def _ranked(endings: Iterable[Ending], now: datetime) -> Sequence[tuple[Urgency, list[Ending]]]:
    """By urgency, the worst first; each in the order of their places."""
    by_level: dict[Urgency, list[Ending]] = {level: [] for level in sorted(Urgency, reverse=True)}
    for one in sorted(endings, key=lambda one: one.place):
        by_level[one.urgency(now)].append(one)
    return tuple(by_level.items())


def of_bundle(bundle: Bundle) -> Iterator[Dated]:
    """A partner's anchors and lists; a list without a next update does not end."""
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
