"""What every benchmark prints: JSON lines on standard output, progress for people on standard error.

The last line is ``{"bench", "figures": [{"name", "value", "unit", "bound", "holds"}], "holds"}``; a
benchmark's exit status is 0 only if every bounded figure holds. Absolute times depend on the machine, so most
bounds are ratios between two measurements of the same run.
"""

import json
import math
import os
import sys
from collections.abc import Sequence
from typing import TextIO, TypedDict


class Figure(TypedDict):
    """One measured value; ``bound`` is ``<= x`` or ``>= x``, or None for a value that is only shown."""

    name: str
    value: float
    unit: str
    bound: str | None
    holds: bool


class Report:
    """Collects the figures of one benchmark and prints each as soon as it is known."""

    def __init__(self, bench: str, *, out: TextIO = sys.stdout, err: TextIO = sys.stderr) -> None:
        self._bench = bench
        self._out = out
        self._err = err
        self._figures: list[Figure] = []

    def progress(self, text: str) -> None:
        """Tell people what happens now."""
        print(f"{self._bench}: {text}", file=self._err, flush=True)

    def line(self, **facts: object) -> None:
        """Print one intermediate measurement as a JSON line."""
        print(json.dumps({"bench": self._bench, **facts}), file=self._out, flush=True)

    def figure(
        self,
        name: str,
        value: float,
        *,
        unit: str,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> bool:
        """Record a figure with at most one bound, print it, and say whether it holds.

        A value that is not a finite number never holds, with or without a bound.
        """
        if at_most is not None and at_least is not None:
            raise ValueError(f"expected one bound for {name!r}, got both at_most and at_least")
        finite = math.isfinite(value)
        bound, holds = None, finite
        if at_most is not None:
            bound, holds = f"<= {at_most:g}", finite and value <= at_most
        elif at_least is not None:
            bound, holds = f">= {at_least:g}", finite and value >= at_least
        shown = round(value, 4) if finite else -1.0  # JSON has no NaN
        figure = Figure(name=name, value=shown, unit=unit, bound=bound, holds=holds)
        self._figures.append(figure)
        self.line(**figure)
        verdict = "" if bound is None else f" ({bound}: {'holds' if holds else 'DOES NOT HOLD'})"
        self.progress(f"{name} = {shown:g} {unit}{verdict}")
        return holds

    def finish(self) -> int:
        """Print the final object and return the exit status. A report without figures does not hold."""
        holds = bool(self._figures) and all(figure["holds"] for figure in self._figures)
        final = {"bench": self._bench, "figures": self._figures, "holds": holds}
        print(json.dumps(final), file=self._out, flush=True)
        return 0 if holds else 1


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` (0 to 1) of ``values`` do not exceed (nearest rank)."""
    if not values or not 0 <= share <= 1:
        raise ValueError(f"expected values and a share from 0 to 1, got {len(values)} values and {share}")
    rank = max(1, math.ceil(share * len(values)))
    return sorted(values)[rank - 1]


def ratio(value: float, base: float) -> float:
    """Return ``value / base``; a base of nothing gives a ratio that no bound accepts."""
    return value / base if base > 0 else math.inf


def quick() -> bool:
    """Say whether a short run was asked for: ``make bench NAME=… QUICK=1``."""
    return os.environ.get("QUICK", "0") not in {"", "0"}
