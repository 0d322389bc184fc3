"""Shapes of configuration that Envoy has taken, and the very configurations that it has refused."""

from collections import Counter
from collections.abc import Hashable, Mapping

from control_plane.model.federation import Planned, Unit
from control_plane.translate.shapes import shapes_of
from control_plane.translate.unit import Translated

MOST_SHAPES = 65_536  # remembered; beyond, all are tried again
SAMPLES = 8  # units of one new shape that are tried; all of them where one was refused


class Known:
    """What need not be tried: an ordinary change has a shape that is known, and costs nothing."""

    def __init__(self) -> None:
        self._good: set[Hashable] = set()
        self._bad: dict[Unit, tuple[Translated, str]] = {}
        # Of the step that is being made:
        self._shapes: dict[Unit, frozenset[Hashable]] = {}
        self._tried: set[Unit] = set()
        self._doubtful: set[Hashable] = set()  # shapes of which one was refused

    def begin(self) -> None:
        """Forget the step before."""
        self._shapes, self._tried, self._doubtful = {}, set(), set()

    def note(self, unit: Unit, planned: Planned | None) -> None:
        """Remember what ``unit`` was planned to be in this step."""
        if planned is not None:
            self._shapes[unit] = shapes_of(planned)

    def refused(self, step: Mapping[Unit, Translated | None]) -> dict[Unit, str]:
        """Units of ``step`` that are to the byte what was refused before."""
        for unit in [unit for unit in self._bad if unit in step and self._bad[unit][0] != step[unit]]:
            del self._bad[unit]
        return {unit: text for unit, (_, text) in self._bad.items() if unit in step}

    def fresh(self, step: Mapping[Unit, Translated | None]) -> dict[Unit, Translated]:
        """What has to be tried next; empty when all that is left is known."""
        found: dict[Unit, Translated] = {}
        taken: Counter[Hashable] = Counter()
        for unit, shapes in self._shapes.items():
            translated = step.get(unit)
            new = shapes - self._good
            if translated is None or unit in self._tried or unit in self._bad or not new:
                continue
            taken.update(new)
            if new & self._doubtful or any(taken[shape] <= SAMPLES for shape in new):
                found[unit] = translated
        return found

    def learn(self, tried: Mapping[Unit, Translated], refused: Mapping[Unit, str]) -> None:
        """Take over the verdict on ``tried``: a shape is good when nobody of it was refused."""
        if len(self._good) > MOST_SHAPES:
            self._good.clear()
        self._tried |= tried.keys()
        for unit, text in refused.items():
            self._bad[unit] = tried[unit], text
            self._doubtful |= self._shapes[unit] - self._good
        for unit in tried.keys() - refused.keys():
            self._good |= self._shapes[unit] - self._doubtful
