"""The bundles whose meaning depends on the time: those with revocation lists. Nothing else is looked at."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from heapq import heappop, heappush

from control_plane.model.bundle import Bundle
from control_plane.model.federation import InForce
from control_plane.model.identity import TrustDomain

Judge = Callable[[Bundle, datetime], InForce]
NO_SERIALS: tuple[str, ...] = ()


def as_it_is(bundle: Bundle, _now: datetime) -> InForce:
    """Give Envoy the bundle as it is stored."""
    return InForce(bundle)


def epoch_of(organisations: Iterable[TrustDomain], bundles: Mapping[str, Bundle]) -> int:
    """How often lists of these partners named more than before: all of them together."""
    held = (bundles.get(organisation) for organisation in organisations)
    return sum(bundle.crl_epoch for bundle in held if bundle)


class Lists:
    """What counts of each bundle that has lists, and when that has to be asked again."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._now = datetime.min.replace(tzinfo=UTC)
        self._bundles: dict[TrustDomain, Bundle] = {}
        self._found: dict[TrustDomain, InForce] = {}
        self._dates: list[tuple[datetime, TrustDomain]] = []  # a heap; some are of bundles that are gone

    def of(self, bundle: Bundle) -> InForce:
        """What counts of this bundle of the world now."""
        return self._found.get(bundle.organisation) or InForce(bundle)

    def serials(self, organisation: TrustDomain) -> tuple[str, ...]:
        """Certificates that requests are denied over."""
        found = self._found.get(organisation)
        return found.serials if found else NO_SERIALS

    def put(self, organisation: TrustDomain, bundle: Bundle | None) -> None:
        """Take over a bundle, or that there is none any more."""
        self._bundles.pop(organisation, None)
        self._found.pop(organisation, None)
        if bundle is not None and bundle.crls:
            self._bundles[organisation] = bundle
            self._ask(organisation)

    def due(self, now: datetime) -> bool:
        """Whether anything is to be asked again."""
        return now < self._now or bool(self._dates and self._dates[0][0] <= now)

    def move(self, now: datetime) -> set[TrustDomain]:
        """Go to another time; whose bundles count otherwise there."""
        back, self._now = now < self._now, now
        return {each for each in (self._all() if back else self._passed()) if self._changes(each)}

    def _all(self) -> Iterable[TrustDomain]:
        """A clock that was put back makes everything uncertain."""
        self._dates.clear()
        return tuple(self._bundles)

    def _passed(self) -> Iterable[TrustDomain]:
        found = set()
        while self._dates and self._dates[0][0] <= self._now:
            found.add(heappop(self._dates)[1])
        return found & self._bundles.keys()

    def _changes(self, organisation: TrustDomain) -> bool:
        before = self._found.get(organisation)
        self._ask(organisation)
        return before != self._found[organisation]

    def _ask(self, organisation: TrustDomain) -> None:
        found = self._judge(self._bundles[organisation], self._now)
        self._found[organisation] = found
        if found.until is not None:
            heappush(self._dates, (found.until, organisation))
