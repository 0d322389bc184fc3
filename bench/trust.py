"""Trust: what believing costs, and what the change of certificates and anchors costs those who call.

Run with ``make bench NAME=trust`` (``QUICK=1``: less than 45 s). The first part is CPU alone; the second runs
organisations: strangers become partners, one is revoked under load; then, on connections that live a second,
both sides renew their certificates every second and one of them changes its root from start to end.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bench.path import passable
from bench.report import Report, percentile, quick
from bench.trust_challenge import measure_all
from bench.trust_partners import joining, revoking
from bench.trust_verify import PROMISE_MS, chains, measure_verify
from tests.e2e.pair import Pair, change_anchors, pair

TIMES = 200 if quick() else 3000
SECONDS = 4 if quick() else 30
SETTINGS = {"PROXENIA_LEAF_RENEW_SECONDS": "1", "PROXENIA_CONNECTION_SECONDS": "1"}


def believing(report: Report) -> None:
    """One chain of each kind, read and verified; each message of the challenge judged."""
    for kind, (chain, bundle) in chains().items():
        taken, waited = measure_verify(chain, bundle, times=TIMES)
        report.line(chain=kind, p50_ms=round(percentile(taken, 0.5), 3), times=TIMES)
        report.figure(f"chain {kind}, p99", percentile(taken, 0.99), unit="ms", at_most=PROMISE_MS)
        report.figure(f"chain {kind}, p99 by the wall clock", percentile(waited, 0.99), unit="ms")
    for kind, taken in measure_all(TIMES).items():
        report.figure(f"challenge {kind}, p99", percentile(taken, 0.99), unit="ms", at_most=PROMISE_MS)


async def leaves(partners: Pair, report: Report) -> None:
    """Both gateways' certificates change every second."""
    async with partners.load() as load:
        await asyncio.sleep(SECONDS)
    fewest = min(len(serials) for serials in load.serials.values())
    report.line(requests=load.requests, outcomes=dict(load.outcomes.most_common(5)))
    report.figure("own leaves: certificates of each side", fewest, unit="certificates", at_least=SECONDS / 2)
    report.figure("own leaves: new connections", load.handshakes, unit="handshakes", at_least=SECONDS / 2)
    report.figure("own leaves: failed requests", load.failed, unit=f"of {load.requests}", at_most=0)


async def anchors(partners: Pair, report: Report) -> None:
    """A root is announced, acknowledged, switched to, proven and left alone."""
    began = perf_counter()
    async with partners.load() as load:
        await change_anchors(partners.luebeck, partners.novgorod)
    report.figure("change of anchors, start to end", perf_counter() - began, unit="s")
    report.figure("change of anchors: new connections", load.handshakes, unit="handshakes", at_least=2)
    report.figure("change of anchors: failed requests", load.failed, unit=f"of {load.requests}", at_most=0)


async def changing(directory: Path, report: Report) -> None:
    """Leaves, then anchors, of two organisations."""
    async with pair(directory, SETTINGS) as partners:
        await leaves(partners, report)
        await anchors(partners, report)


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("trust")
    report.progress("verifying chains and challenges")
    believing(report)
    for title, part in (
        ("two strangers become partners", joining),
        ("revoking a partner under load", revoking),
        ("renewing certificates every second, then changing anchors, under load", changing),
    ):
        report.progress(title)
        with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
            await part(passable(Path(name)), report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
