"""Failed attempts to sign in: counted by the address that they come from, and refused when they are many.

A good token is never refused for the failures of others: behind a NAT everybody has one address.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

MOST = 20  # failures of one address before it has to wait
SECONDS = 60.0  # in which they are forgotten
MAX_SOURCES = 1024  # that are remembered; beyond it the one that failed longest ago is forgotten


@dataclass(frozen=True, slots=True)
class _Count:
    """Failures that are not forgotten yet, as of ``at``."""

    level: float
    at: float
    limited: bool


@dataclass(slots=True)
class Attempts:
    """``clock`` is in seconds, and only ever compared with itself."""

    clock: Callable[[], float] = monotonic
    most: int = MOST
    _failures: "OrderedDict[str, _Count]" = field(default_factory=OrderedDict)

    def failed(self, source: str) -> tuple[int, bool]:
        """Count a failure: for how many seconds it has to wait (0: not), and whether that begins now."""
        now = self.clock()
        before = self._failures.pop(source, _Count(0.0, now, limited=False))
        level = max(0.0, before.level - (now - before.at) * self.most / SECONDS)
        limited = before.limited and level > self.most / 2  # so that it is not said again and again
        while len(self._failures) >= MAX_SOURCES:
            self._failures.popitem(last=False)
        if level < self.most:
            self._failures[source] = _Count(level + 1, now, limited=limited)
            return 0, False
        self._failures[source] = _Count(level, now, limited=True)
        return max(1, round((level - self.most + 1) * SECONDS / self.most)), not limited

    @property
    def sources(self) -> int:
        """How many are remembered."""
        return len(self._failures)
