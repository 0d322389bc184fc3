"""Routing: nodes that die, circuits, limits, and resources that come on demand.

Run with ``make bench NAME=routing`` (``QUICK=1``: less than 45 s). The first part runs gateways alone, with
what the control plane would publish; the second two organisations.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.path import passable
from bench.report import Report
from bench.routing_circuit import circuit
from bench.routing_failover import group, two_nodes
from bench.routing_limits import budget, over_ads
from bench.routing_on_demand import look_up, on_demand
from control_plane.model.tuning import Tuning
from tests.e2e.pair import pair
from tests.integration.translate.parties import Cast, parties

SETTINGS = {"PROXENIA_ON_DEMAND": "true"}


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("routing")
    report.progress("one of two nodes is killed")
    await two_nodes(report)
    report.progress("all nodes of the first organisation of a group are killed")
    await group(report)
    report.progress("budgets")
    await asyncio.gather(budget(report, 1), budget(report, 2))
    await over_ads(report)
    report.progress("looking up a name")
    async with parties(Tuning(), cast=Cast(bare=True)) as both:
        await look_up(both, report, both.caller.ports["bare"])
    report.progress("two organisations: a circuit, then resources on demand")
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        async with pair(passable(Path(name)), SETTINGS) as partners:
            await circuit(partners, report)
            await on_demand(partners, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
