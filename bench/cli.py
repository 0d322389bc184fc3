"""How long a question at the command line takes, from the start of its process to its end.

Run with ``make bench NAME=cli`` (``QUICK=1``: fewer runs, and fewer resources beside the 5,000 nodes). The
control plane, its PostgreSQL and its Envoy are real; every run is a process of its own.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bench.partner import Authority
from bench.report import Report, quick
from bench.world import PARTNERS, domain, json_lines, node, resource, trust_everybody
from control_plane.app.demo.organisation import Organisation, eventually

NODES = 5_000
RESOURCES = 500 if quick() else 5_000
RUNS = 9 if quick() else 25
COLD_MS = 250.0
LOADED_MS = 1000.0
PORT = 1  # where nobody listens: nothing is called
WITHIN = 60.0  # seconds for one command
# What is asked of a loaded system, and whether there is a promise.
LOADED: tuple[tuple[tuple[str, ...], float | None], ...] = (
    (("status",), LOADED_MS),
    (("status", "-o", "json"), LOADED_MS),
    (("check", "--short"), None),
    (("node", "list", "--limit", "5000"), None),
    (("resource", "list"), None),
    (("gateway", "list"), None),
)


def timed(own: Organisation, words: tuple[str, ...]) -> float:
    """Milliseconds of one process, which must find what it asks."""
    environment = {**os.environ, "PROXENIA_STATE_DIR": str(own.state_dir)}
    began = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "control_plane", *words],
        env=environment,
        capture_output=True,
        timeout=WITHIN,
        check=False,
    )
    taken = (perf_counter() - began) * 1000
    if done.returncode not in {0, 1} or not done.stdout or b"Traceback" in done.stderr:
        raise RuntimeError(f"expected {words} to end with 0 or 1, got {done.returncode}: {done.stderr!r}")
    return taken


async def measured(own: Organisation, words: tuple[str, ...], runs: int) -> float:
    """The median of so many runs, in milliseconds; the first one only warms the disk's cache."""
    taken = [await asyncio.to_thread(timed, own, words) for _ in range(runs + 1)]
    return statistics.median(taken[1:])


async def load(own: Organisation) -> None:
    """5,000 nodes of a hundred trusted partners, and resources that they serve."""
    await trust_everybody(own, Authority.of(domain(0)))
    await own.bulk("/federation/nodes", json_lines(node(number, PORT) for number in range(NODES)))
    await own.bulk("/federation/resources", json_lines(resource(number) for number in range(RESOURCES)))

    async def taken() -> bool:
        status = await own.get("/status")
        deliveries = status["gateways"][0]["deliveries"]
        settled = all(one["acknowledged"] == one["wanted"] for one in deliveries)
        return bool(status["counts"]["node"] == NODES and settled)

    await eventually("everything to be acknowledged", taken, within=180)


async def main() -> int:
    """Ask a small system, then a large one."""
    report = Report("cli")
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - nothing else waits yet
        async with Organisation("bergen.example", directory, sites=1) as own:
            report.progress("starting an organisation")
            await own.ready()
            for word in ("version", "status"):
                taken = await measured(own, (word,), RUNS)
                report.figure(f"{word}, cold", taken, unit="ms", at_most=COLD_MS)
            report.progress(f"loading {NODES} nodes of {PARTNERS} partners and {RESOURCES} resources")
            await load(own)
            for words, most in LOADED:
                taken = await measured(own, words, max(3, RUNS // 3))
                report.figure(f"{' '.join(words)}, {NODES} nodes", taken, unit="ms", at_most=most)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
