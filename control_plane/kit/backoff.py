"""How long to wait before the next attempt (time and chance are arguments)."""


class Backoff:
    """Doubles from ``first`` to ``most`` seconds; ``reset`` after a success."""

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._next = first

    def next(self, chance: float) -> float:
        """Return the seconds to wait.

        ``chance`` (0 to 1) spreads them over the upper half, so that callers do not march in step.
        """
        present = self._next
        self._next = min(self._most, present * 2)
        return present * (0.5 + chance / 2)

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._next = self._first
