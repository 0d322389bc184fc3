"""Metrics as Prometheus reads them: families of samples, made when they are asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

TEXT = "text/plain"  # the exposition format's type; version 0.0.4 is what its readers assume


class Sample(NamedTuple):
    """One series: the values of the family's labels, and the number."""

    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """A gauge of one name; every sample has a value for each of ``labels``."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, name: str, text: str, value: float) -> "Family":
        """A family of one series without labels."""
        return cls(name, text, (), (Sample((), value),))

    @classmethod
    def one(cls, name: str, text: str, **labels: str) -> "Family":
        """A family of one series, 1, that says something by its labels."""
        return cls(name, text, tuple(labels), (Sample(tuple(labels.values()), 1.0),))


class _Once(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for sample in family.samples:
                gauge.add_metric(sample.labels, sample.value)
            yield gauge


def render(families: Iterable[Family]) -> str:
    """The families in the text format, and what this process uses."""
    registry = CollectorRegistry()
    registry.register(_Once(tuple(families)))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return generate_latest(registry).decode()
