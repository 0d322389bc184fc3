"""One change to many streams: Proxenia's ADS server against a raw grpc.aio server that writes the same bytes.

The raw server has no views, no acknowledgements and no authentication: it is the limit of grpc.aio on this
machine and now. Servers and clients run in processes of their own; both servers meet the same clients. Every
client is one connection with one stream that asks for all clusters, and by name for the endpoints of each;
one change is one ClusterLoadAssignment. Times are from the change call to the moment when the last client
wrote its ACK.

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
WARM = 5  # changes that are not measured

Progress = Callable[[str], None]


def measure_streams(n: int, streams: int, changes: int, *, progress: Progress) -> dict[str, Any]:
    """Measure both servers, with ``n`` clusters and their endpoints; changes alternate between the two.

    ``{"n", "streams", "changes", "ours": {...}, "raw": {...}, "ratio", "cpu_ratio"}``; each side has
    ``p50_ms``, ``p90_ms``, ``cpu_ms`` and ``bytes`` (per change), ``rss_mb`` of the server, and
    ``connect_ms`` (CPU for one reconnect). ``ratio`` is ours to raw at p50.
    """
    with tempfile.TemporaryDirectory(prefix="pxb") as folder, _workers() as start:
        sides = {}
        for kind in ("raw", "ours"):
            progress(f"{kind}: {streams} streams connect, {n} resources")
            sides[kind] = Side(kind, Path(folder) / kind, start=start, size=(n, streams))
        for side in sides.values():
            side.settle()
        for number in range(WARM + changes):
            for side in sides.values():
                side.change(number)
            if number == WARM - 1:
                for side in sides.values():
                    side.begin()
        figures = {kind: side.figures(changes) for kind, side in sides.items()}
    for kind, found in figures.items():
        progress(f"{kind}: p50 {found['p50_ms']:.2f} ms, CPU {found['cpu_ms']:.2f} ms a change")
    ours, raw = figures["ours"], figures["raw"]
    return {
        "n": n,
        "streams": streams,
        "changes": changes,
        **figures,
        "ratio": ours["p50_ms"] / raw["p50_ms"],
        "cpu_ratio": ours["cpu_ms"] / raw["cpu_ms"],
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


class Side:
    """One of the two servers with its own clients."""

    def __init__(self, kind: str, path: Path, *, start: Callable[..., Worker], size: tuple[int, int]) -> None:
        n, streams = size
        self._streams = streams
        self._taken: list[tuple[float, int]] = []
        self._server = start("serve", kind, str(path), str(n))
        self._server.hear()
        self._before = self._cpu()
        shares = [streams // SWARMS + (i < streams % SWARMS) for i in range(SWARMS)]
        self._swarms = [
            start("swarm", str(path), str(n), str(share), str(index))
            for index, share in enumerate(shares)
            if share
        ]
        for swarm in self._swarms:
            swarm.hear()

    def settle(self) -> None:
        """Wait until everything that came of connecting is done."""
        time.sleep(SETTLE)
        self._connect_ms = (self._cpu() - self._before) / self._streams * 1e3

    def begin(self) -> None:
        """Forget the changes so far: they warmed up."""
        time.sleep(SETTLE)
        self._taken.clear()
        self._begun = self._cpu()

    def change(self, number: int) -> None:
        """Change one resource, and wait until the last client acknowledged it."""
        version = str(number + 1)
        for swarm in self._swarms:
            swarm.ask(f"expect {version}")
        begun = self._server.ask(f"change {version}")
        last = max(swarm.hear()["at"] for swarm in self._swarms)
        self._taken.append(((last - begun["at"]) * 1e3, begun["bytes"]))

    def figures(self, changes: int) -> dict[str, float]:
        """What the changes since ``begin`` cost."""
        time.sleep(SETTLE)
        end = self._server.ask("cpu")
        times = [ms for ms, _ in self._taken]
        return {
            "p50_ms": statistics.median(times),
            "p90_ms": statistics.quantiles(times, n=10)[-1],
            "cpu_ms": (end["cpu"] - self._begun) / changes * 1e3,
            "bytes": self._taken[-1][1],
            "rss_mb": end["rss_mb"],
            "connect_ms": self._connect_ms,
        }

    def _cpu(self) -> float:
        seconds: float = self._server.ask("cpu")["cpu"]
        return seconds


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    defaults = [10_000, 100, 50]
    count, width, rounds = [*numbers, *defaults[len(numbers) :]]
    result = measure_streams(count, width, rounds, progress=lambda line: print(line, file=sys.stderr))
    print(json.dumps(result, indent=2))
