"""What the overview draws of the last hour, each curve with its newest value in words (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.admin.dashboard.figures import Hour
from control_plane.admin.dashboard.sparkline import Spark, spark

NOW = 5  # minutes that count as now: the last one has only begun


@dataclass(frozen=True, slots=True)
class Curve:
    """``now`` is of the last five minutes; ``other`` is drawn behind, in the same scale."""

    name: str
    unit: str
    now: str
    top: str
    drawn: Spark
    other: Spark | None = None


def curves(hour: Hour) -> tuple[Curve, ...]:
    """Requests, what went wrong, and how long it took."""
    counts = hour.counts
    rates = [count.requests / 60 for count in counts]
    bad = [float(count.denied + count.failed) for count in counts]
    slow = [minute.p99 if minute else None for minute in hour.minutes]
    usual = [minute.p50 if minute else None for minute in hour.minutes]
    slowest = max((value for value in slow[-NOW:] if value is not None), default=None)
    return (
        Curve(
            "Requests",
            "a second",
            f"{sum(rates[-NOW:]) / NOW:.2f}",
            f"{max(rates):.2f} a second",
            spark(rates),
        ),
        Curve(
            "Denied or failed", "in 5 min", f"{sum(bad[-NOW:]):.0f}", f"{max(bad):.0f} a minute", spark(bad)
        ),
        Curve(
            "Latency, p99 (dotted: p50)",
            "ms" if slowest is not None else "",
            f"{slowest:.0f}" if slowest is not None else "none",
            f"{_most(slow):.0f} ms",
            spark(slow),
            spark(usual, top=_most(slow)),
        ),
    )


def _most(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
