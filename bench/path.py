"""The way of a change, from the operator's request to the data plane: what it costs, whatever N is.

Run with ``make bench NAME=path`` (``QUICK=1`` for fewer repetitions and less than 45 s).
"""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter

import aiohttp

from bench.observer import Observer, observer
from bench.partner import Authority, partner
from bench.report import Report, percentile, quick, ratio
from bench.streams import measure_streams
from bench.world import ENDPOINTS, domain, load, move, pause, trust_everybody
from control_plane.app.demo.organisation import Organisation, free_port

SIZES = (100, 1_000, 10_000)
CHANGES = 60 if quick() else 300
SWITCHES = 40 if quick() else 200
IDLE = 9  # the discard port: nothing is ever sent to it
# A partner that is switched away from must not open a circuit.
SETTINGS = {"PROXENIA_CIRCUIT_FAILURES": "1000"}


def cpu_seconds(pid: int) -> float:
    """Time that all threads of a process have spent on a processor."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


async def change_cost(own: Organisation, seen: Observer, size: int, report: Report) -> tuple[float, float]:
    """Control plane CPU (ms) and bytes on the wire for one changed endpoint among ``size``."""
    await pause()
    pid = int((own.state_dir / "run" / "control-plane.pid").read_text())
    for repeat in range(5):
        await change_once(own, seen, size // 2, IDLE + 1 + repeat % 2)
    before, sent = cpu_seconds(pid), 0
    for repeat in range(CHANGES):
        sent += await change_once(own, seen, size // 2, IDLE + 3 + repeat % 2)
    cpu = (cpu_seconds(pid) - before) * 1000 / CHANGES
    report.line(nodes=size, cpu_ms_per_change=round(cpu, 3), bytes_per_change=sent / CHANGES)
    return cpu, sent / CHANGES


async def change_once(own: Organisation, seen: Observer, number: int, port: int) -> int:
    """One change; how many bytes arrived. Anything but one EDS resource is a failure."""
    seen.reset()
    await move(own, number, port)
    async with asyncio.timeout(10):
        await seen.arrived.wait()
    if seen.resources != {ENDPOINTS: 1}:
        raise RuntimeError(f"expected one EDS resource for one changed endpoint, got {seen.resources}")
    return seen.bytes


async def switch_times(own: Organisation, ports: tuple[int, int], report: Report) -> list[float]:
    """Milliseconds from the commit of a changed endpoint to the first answer from there."""
    url = f"http://127.0.0.1:{own.sites[0].egress}/"
    headers = {"host": f"service-0.{domain(0)}"}
    times = []
    async with aiohttp.ClientSession() as session:
        for repeat in range(SWITCHES):
            port, wanted = (ports[1], "second") if repeat % 2 == 0 else (ports[0], "first")
            await move(own, 0, port)
            committed = perf_counter()
            while True:
                async with session.get(url, headers=headers) as answer:
                    body = await answer.text()
                    if answer.status == 200 and body == wanted:
                        break
                if perf_counter() - committed > 10:
                    raise RuntimeError(f"expected an answer of {wanted}, got {answer.status} {body[:100]!r}")
            times.append((perf_counter() - committed) * 1000)
    report.line(switches=len(times), p99_ms=round(percentile(times, 0.99), 2))
    return times


async def small(directory: Path, report: Report) -> dict[int, tuple[float, float]]:
    """N = 100 and 1,000 in one deployment, with a partner that answers."""
    costs = {}
    ports = (free_port(), free_port())
    first = Authority.of(domain(0))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(partner(first, ports, directory))
        own = Organisation("small.example", directory, sites=1, settings=SETTINGS)
        await stack.enter_async_context(own)
        await own.ready()
        await trust_everybody(own, first)
        done = 0
        for size in SIZES[:-1]:
            report.progress(f"loading {size} nodes")
            await load(own, range(done, size), port=ports[0], total=size)
            done = size
            async with observer(own.state_dir / "run" / "xds.sock") as seen:
                await seen.holds(size)
                costs[size] = await change_cost(own, seen, size, report)
        report.progress("switching one endpoint between two listeners of a real partner")
        times = await switch_times(own, ports, report)
        report.figure("commit to data plane, 1,000 nodes, p50", percentile(times, 0.5), unit="ms", at_most=10)
    return costs


async def large(directory: Path, report: Report) -> tuple[float, float]:
    """N = 10,000 at once, then the cost of one change there."""
    size = SIZES[-1]
    own = Organisation("large.example", directory, sites=1, settings=SETTINGS)
    async with own:
        await own.ready()
        await trust_everybody(own, Authority.of(domain(0)))
        report.progress(f"loading {size} nodes and their resources in bulk")
        seconds = await load(own, range(size), port=IDLE, total=size)
        report.figure("bulk load of 10,000 nodes to full acknowledgement", seconds, unit="s", at_most=15)
        async with observer(own.state_dir / "run" / "xds.sock") as seen:
            await seen.holds(size)
            return await change_cost(own, seen, size, report)


def passable(directory: Path) -> Path:
    """Let the embedded PostgreSQL through, which runs as another user when we are root."""
    directory.chmod(0o711)
    return directory


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("path")
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        directory = passable(Path(name))
        costs = await small(directory, report)
        costs[SIZES[-1]] = await large(directory, report)
    least = SIZES[0]
    for size in SIZES[1:]:
        cpu, sent = (ratio(costs[size][part], costs[least][part]) for part in (0, 1))
        report.figure(f"CPU per change, N = {size} over N = {least}", cpu, unit="ratio", at_most=1.2)
        report.figure(f"bytes per change, N = {size} over N = {least}", sent, unit="ratio", at_most=1.2)
    report.progress("one change to the last of 100 streams, against a raw server")
    streams = await asyncio.to_thread(measure_streams, 10_000, 100, CHANGES, progress=report.progress)
    report.line(**streams)
    against_raw = ratio(streams["ours"]["p50_ms"], streams["raw"]["p50_ms"])
    report.figure(
        "one change to the last of 100 streams, against raw", against_raw, unit="ratio", at_most=1.5
    )
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
