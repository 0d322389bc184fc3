"""A small curve as SVG's path data (pure): what a column of numbers is like at one look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 240, 40
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class Spark:
    """``line`` and ``area`` are path data in a box of WIDTH by HEIGHT; ``last`` and ``top`` are values."""

    line: str
    area: str
    last: float | None
    top: float | None


def spark(values: Sequence[float | None], *, top: float | None = None) -> Spark:
    """The curve of ``values`` from 0 to their greatest (or ``top``); None leaves a gap."""
    present = [value for value in values if value is not None]
    highest = max(present, default=None)
    scale = max(top or 0.0, highest or 0.0, _FLOOR)
    step = WIDTH / max(len(values) - 1, 1)
    lines, areas = [], []
    for first, run in _runs(values):
        points = [
            f"{(first + number) * step:.1f} {HEIGHT - 1 - (HEIGHT - 3) * value / scale:.1f}"
            for number, value in enumerate(run)
        ]
        if len(points) == 1:  # a dot: a line of no length is drawn by its round ends
            points *= 2
        lines.append("M" + "L".join(points))
        end = (first + len(run) - 1) * step
        areas.append(f"M{first * step:.1f} {HEIGHT}L{'L'.join(points)}L{end:.1f} {HEIGHT}Z")
    return Spark("".join(lines), "".join(areas), values[-1] if values else None, highest)


def _runs(values: Sequence[float | None]) -> Iterator[tuple[int, list[float]]]:
    """Each stretch without a gap, with where it begins."""
    run: list[float] = []
    for number, value in enumerate(values):
        if value is not None:
            run.append(value)
        elif run:
            yield number - len(run), run
            run = []
    if run:
        yield len(values) - len(run), run
