"""The audit: rows a second into the log with its chain, verification, and what logging costs the data plane.

Run with ``make bench NAME=audit`` (``QUICK=1``: less than 45 s). Ingest is the control plane's own way from a
gateway's shipment to sealed rows, beside a PostgreSQL of its own on the same machine.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.audit_cost import cost_of_logging
from bench.audit_ingest import Figures, ingest_and_verify
from bench.report import Report, quick

SECONDS = 8 if quick() else 60
ROUNDS = 6 if quick() else 25


def report_ingest(report: Report, figures: Figures) -> None:
    """What ingest and verification came to."""
    report.line(
        rows=figures.rows, seconds=round(figures.seconds, 2), sealed=figures.sealed, found=figures.found
    )
    report.figure("ingest with the chain", figures.rows / figures.seconds, unit="rows/s", at_least=10_000)
    report.figure("sealed before the last row was a few seconds old", figures.lag, unit="s", at_most=10)
    report.figure("control plane", figures.cpu / figures.seconds, unit="cores")
    report.figure("control plane, for each row", figures.cpu / figures.rows * 1e6, unit="us")
    report.figure("PostgreSQL", figures.database_cpu / figures.seconds, unit="cores")
    report.figure("verify", figures.verified / figures.verify_seconds, unit="rows/s", at_least=100_000)
    report.figure("rows verified of those stored", figures.verified / figures.rows, unit="ratio", at_least=1)
    report.figure(
        "rows exported of those verified", figures.exported / figures.verified, unit="ratio", at_least=1
    )
    report.figure("export", figures.exported / figures.export_seconds, unit="rows/s")
    report.figure("export: memory", figures.export_memory, unit="MB", at_most=100)


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("audit")
    report.progress(f"storing and sealing for {SECONDS} s, then verifying all of it")
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - one call on a local directory
        report_ingest(report, await ingest_and_verify(directory, SECONDS))
    report.progress("requests through two Envoys with and without access logs, in turns")
    with_logs, without = await cost_of_logging(ROUNDS)
    report.line(requests_per_second_with=round(with_logs.rate), without=round(without.rate))
    ratio = with_logs.rate / without.rate
    report.figure("requests/s with audit over without", ratio, unit="ratio", at_least=0.9)
    # The callers and the service share the machine: of the gateways alone this is the cost.
    report.figure("both Envoys, for each request with audit", with_logs.each, unit="us")
    report.figure("both Envoys, for each request without", without.each, unit="us")
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
