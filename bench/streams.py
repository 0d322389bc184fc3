"""One change to many streams: Proxenia's ADS server against a raw grpc.aio server that writes the same bytes.

The raw server has no views, no acknowledgements and no authentication: it is the limit of grpc.aio on this
machine and now. Servers and clients run in processes of their own; both servers meet the same clients. Every
client is one connection with one stream that asks for all clusters, and by name for the endpoints of each;
one change is
one ClusterLoadAssignment. Times are from the change call to the moment when the last client wrote its ACK.

``python bench/streams.py [resources] [streams] [changes]`` prints one table.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORKERS = Path(__file__).with_name("stream_workers.py")
SWARMS = 2  # client processes
SETTLE = 1.5  # seconds for the last acknowledgements, and for the states that are written down

Progress = Callable[[str], None]


def measure_streams(n: int, streams: int, changes: int, *, progress: Progress) -> dict[str, Any]:
    """Measure both servers in turn, with ``n`` clusters and their endpoints.

    ``{"n", "streams", "changes", "ours": {...}, "raw": {...}, "ratio"}``; each side has ``p50_ms``,
    ``p90_ms``, ``cpu_ms`` and ``bytes`` (per change), ``rss_mb`` of the server, and ``connect_ms`` (CPU for
    one reconnect).
    """
    sides = {}
    for kind in ("raw", "ours"):
        progress(f"{kind}: {streams} streams, {n} resources")
        with tempfile.TemporaryDirectory(prefix="pxb") as folder:
            sides[kind] = _measure(kind, Path(folder) / "s", n=n, streams=streams, changes=changes)
        progress(f"{kind}: p50 {sides[kind]['p50_ms']:.2f} ms, CPU {sides[kind]['cpu_ms']:.2f} ms a change")
    return {
        "n": n,
        "streams": streams,
        "changes": changes,
        **sides,
        "ratio": sides["ours"]["p50_ms"] / sides["raw"]["p50_ms"],
        "cpu_ratio": sides["ours"]["cpu_ms"] / sides["raw"]["cpu_ms"],
    }


# --- the driver: one server process, some client processes, one line of JSON for each order


class Worker:
    """A process that takes one order a line and answers each with one line."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, str(WORKERS), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            bufsize=1,
        )

    def tell(self, order: str) -> None:
        """Send an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")

    def hear(self) -> Any:  # noqa: ANN401 - JSON
        """Wait for the answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"expected an answer, got the end of a worker (exit {self._process.wait(5)})")
        return json.loads(line)

    def ask(self, order: str) -> Any:  # noqa: ANN401 - JSON
        """Send an order and wait for its answer."""
        self.tell(order)
        return self.hear()

    def end(self) -> None:
        """Stop the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@contextlib.contextmanager
def _workers() -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def start(*arguments: str) -> Worker:
        started.append(Worker(*arguments))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            worker.end()


def _measure(kind: str, path: Path, *, n: int, streams: int, changes: int) -> dict[str, float]:
    with _workers() as start:
        server = start("serve", kind, str(path), str(n))
        server.hear()
        before = server.ask("cpu")["cpu"]
        shares = [streams // SWARMS + (i < streams % SWARMS) for i in range(SWARMS)]
        swarms = [
            start("swarm", str(path), str(n), str(share), str(i)) for i, share in enumerate(shares) if share
        ]
        for swarm in swarms:
            swarm.hear()
        time.sleep(SETTLE)
        connected = server.ask("cpu")["cpu"]
        for i in range(3):
            _change(server, swarms, i)
        time.sleep(SETTLE)
        begin = server.ask("cpu")["cpu"]
        taken = [_change(server, swarms, 3 + i) for i in range(changes)]
        time.sleep(SETTLE)
        end = server.ask("cpu")
        return {
            "p50_ms": statistics.median(ms for ms, _ in taken),
            "p90_ms": statistics.quantiles([ms for ms, _ in taken], n=10)[-1],
            "cpu_ms": (end["cpu"] - begin) / changes * 1e3,
            "bytes": taken[-1][1],
            "rss_mb": end["rss_mb"],
            "connect_ms": (connected - before) / streams * 1e3,
        }


def _change(server: Worker, swarms: list[Worker], number: int) -> tuple[float, int]:
    version = str(number + 1)
    for swarm in swarms:
        swarm.ask(f"expect {version}")
    begun = server.ask(f"change {version}")
    last = max(swarm.hear()["at"] for swarm in swarms)
    return (last - begun["at"]) * 1e3, begun["bytes"]


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    defaults = [10_000, 100, 50]
    count, width, rounds = [*numbers, *defaults[len(numbers) :]]
    result = measure_streams(count, width, rounds, progress=lambda line: print(line, file=sys.stderr))
    print(json.dumps(result, indent=2))
