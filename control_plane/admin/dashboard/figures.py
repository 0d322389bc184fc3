"""The last hour in numbers: what is known of it is kept, and only what is missing or new is asked for.

A minute is settled three minutes after its end: what a gateway hands in later than that (it was cut off, and
kept its log) is in the audit and its statistics, and not in this picture of now.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from control_plane.ports.errors import UnavailableError
from control_plane.ports.traffic import Count, Minute, TrafficMinutes

MINUTES = 60
FRESH = 2.0  # seconds for which an answer is good
PATIENCE = 0.25  # seconds that one look takes for the past; the next look goes on

_MINUTE = timedelta(minutes=1)
_UNSETTLED = 3 * _MINUTE
_CHUNK = 10 * _MINUTE
_NOTHING = Count()


@dataclass(frozen=True, slots=True)
class Hour:
    """``minutes``: the last hour's, oldest first, None where nothing passed; ``fault``: some are unknown."""

    minutes: tuple[Minute | None, ...] = (None,) * MINUTES
    fault: bool = False

    @property
    def partners(self) -> Mapping[str, Count]:
        """What passed from and to each partner."""
        sums: dict[str, Count] = {}
        for minute in filter(None, self.minutes):
            for name, count in minute.partners.items():
                sums[name] = sums.get(name, _NOTHING) + count
        return sums

    @property
    def counts(self) -> tuple[Count, ...]:
        """One for each minute."""
        return tuple(minute.count if minute else _NOTHING for minute in self.minutes)


@dataclass(slots=True)
class Figures:
    """One for all browsers; ``clock`` is in seconds and only compared with itself."""

    clock: Callable[[], float] = monotonic
    _known: dict[datetime, Minute] = field(default_factory=dict)
    _from: datetime | None = None  # from here
    _until: datetime | None = None  # to here everything is known
    _looked: float = float("-inf")
    _last: Hour = field(default_factory=Hour)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hour(self, source: TrafficMinutes, now: datetime) -> Hour:
        """The hour that ends with the present minute."""
        async with self._turn:
            if self.clock() - self._looked >= FRESH:
                self._last = await self._look(source, now)
                self._looked = self.clock()
            return self._last

    async def _look(self, source: TrafficMinutes, now: datetime) -> Hour:
        end = now.replace(second=0, microsecond=0) + _MINUTE
        begin = end - MINUTES * _MINUTE
        fault = False
        try:
            await self._recent(source, begin, end)
            await self._past(source, begin)
        except UnavailableError:
            fault = True
        self._known = {at: minute for at, minute in self._known.items() if at >= begin}
        each = tuple(self._known.get(begin + number * _MINUTE) for number in range(MINUTES))
        return Hour(each, fault)

    async def _recent(self, source: TrafficMinutes, begin: datetime, end: datetime) -> None:
        """What is new, and what may have been added to."""
        if self._from is None or self._until is None or self._until < begin:
            since = end - _CHUNK
            self._from = since
        else:
            since = self._until
        await self._take(source, since, end)
        self._until = end - _UNSETTLED

    async def _past(self, source: TrafficMinutes, begin: datetime) -> None:
        """What was before the first look, backwards, as far as the patience goes."""
        started = self.clock()
        while self._from is not None and self._from > begin and self.clock() - started < PATIENCE:
            since = max(begin, self._from - _CHUNK)
            await self._take(source, since, self._from)
            self._from = since

    async def _take(self, source: TrafficMinutes, since: datetime, until: datetime) -> None:
        found = await source.minutes(since, until)
        for at in [at for at in self._known if since <= at < until]:
            del self._known[at]
        self._known.update({minute.at: minute for minute in found})
