"""Discovery: how long a node's way is from what its owner publishes to our list and to a real Envoy.

Run with ``make bench NAME=discovery`` (``QUICK=1``: fewer changes). A node's port is changed again and again
in a real bind9, a real avahi, a Consul double, a file and by the API; each change is timed until the list has
it and until Envoy has the endpoint. Then 10,000 instances in one zone are listed (quick: 2,000).
An argument (``asked``, ``whole``) chooses one part.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from bench.discovery_whole import whole
from bench.report import Report, percentile, quick
from control_plane.store.embedded import EmbeddedPostgres
from tests.contract.source_world import Record, World
from tests.integration.discovery.avahi import why_not
from tests.integration.discovery.avahi_world import AvahiWorld
from tests.integration.discovery.bind9 import NAMED
from tests.integration.discovery.bind9_world import Bind9World
from tests.integration.discovery.consul_world import DoubleWorld
from tests.integration.discovery.deployment import PARTNER, Deployment, deployed
from tests.integration.discovery.file_world import FileWorld

CHANGES = 5 if quick() else 50
TTL = 1
NODES = 10
PAUSE = 0.002  # seconds between two looks
FIRST_PORT = 20_000


@dataclass(frozen=True, slots=True)
class Way:
    """One way to publish a node: how it is changed, and how soon that has to be known."""

    name: str
    change: Callable[[Record], Awaitable[object]]
    bound: float | None
    asked: bool = False  # a look is asked for after the change, and the time counts from then


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds until the list, and until Envoy, had a change."""

    list: float
    envoy: float


async def timed(deployment: Deployment, way: Way, record: Record) -> Taken:
    """Change the node and wait for both."""
    address = f"{record.host}:{record.port}"

    async def listed() -> bool:
        nodes = await deployment.call("GET", f"/federation/nodes?limit=50&organisation={PARTNER}")
        ports = [one["port"] for node in nodes["items"] for one in node["endpoints"]]
        return record.port in ports

    async def configured() -> bool:
        return address in await deployment.endpoints()

    began = perf_counter()
    await way.change(record)
    if way.asked:
        began = perf_counter()
        await deployment.call("POST", "/federation/discover", {"sources": ["dns-sd"], "timeout": 5})

    async def until(probe: Callable[[], Awaitable[bool]]) -> float:
        await deployment.until(f"{way.name} to say {address}", probe, within=60, pause=PAUSE)
        return perf_counter() - began

    return Taken(*await asyncio.gather(until(listed), until(configured)))


async def measure(deployment: Deployment, way: Way, report: Report, *, first: int) -> None:
    """All changes of one way, and its figures."""
    await timed(deployment, way, _record(first, 0))  # the first node of a partner is a change of another kind
    taken = [await timed(deployment, way, _record(first, number)) for number in range(1, CHANGES + 1)]
    for name, values in (("list", [one.list for one in taken]), ("Envoy", [one.envoy for one in taken])):
        report.line(way=way.name, into=name, p50_s=round(percentile(values, 0.5), 4), changes=len(values))
        report.figure(
            f"{way.name}: change to {name}, p99", percentile(values, 0.99), unit="s", at_most=way.bound
        )


def _record(first: int, number: int) -> Record:
    """One of a few nodes, at a port of its own: avahi holds back who changes one service all the time."""
    which = number % NODES
    return Record(node_id=f"node-{first}-{which}", host=f"192.0.2.{10 + which}", port=first + number)


def by_api(deployment: Deployment) -> Callable[[Record], Awaitable[object]]:
    """The operator's own way."""
    known: set[str] = set()

    async def change(record: Record) -> None:
        endpoints = [{"host": record.host, "port": record.port}]
        if record.node_id in known:
            await deployment.call(
                "PATCH", f"/federation/nodes/{record.node_id}@{PARTNER}", {"endpoints": endpoints}
            )
            return
        known.add(record.node_id)
        node = {"node_id": record.node_id, "organisation": PARTNER, "spiffe_id": record.spiffe_id}
        await deployment.call("POST", "/federation/nodes", {**node, "endpoints": endpoints})

    return change


def worlds(directory: Path, report: Report) -> Mapping[str, World]:
    """The places that this machine can have."""
    found: dict[str, World] = {"consul": DoubleWorld(), "file": FileWorld(directory)}
    if NAMED is None:
        report.progress("no bind9 here: DNS-SD is not measured")
    else:
        found["dns-sd"] = Bind9World(directory, ttl=TTL, floor=TTL)
    if why_not():
        report.progress(f"mDNS is not measured: {why_not()}")
    else:
        found["mdns"] = AvahiWorld(directory)
    return found


Part = Callable[[Report, Path, EmbeddedPostgres], Awaitable[None]]
BOUNDS = {"consul": 0.2, "file": None, "dns-sd": TTL + 0.5, "mdns": 2.0}


async def run(report: Report, directory: Path, server: EmbeddedPostgres) -> None:
    """Every way, one after the other, in one deployment that follows all."""
    async with AsyncExitStack() as stack:
        places = worlds(directory, report)
        for place in places.values():
            await place.start()
            stack.push_async_callback(place.stop)
        sources = [place.source() for place in places.values()]
        deployment = await stack.enter_async_context(
            deployed(directory, server.dsn, sources, database_owner_url=server.owner_dsn)
        )
        ways = [Way("manual (API)", by_api(deployment), 0.1)]
        ways += [Way(name, place.put, BOUNDS[name]) for name, place in places.items()]
        for number, way in enumerate(ways):
            report.progress(f"{way.name}: {CHANGES} changes")
            await measure(deployment, way, report, first=FIRST_PORT + 100 * number)


async def asked(report: Report, directory: Path, server: EmbeddedPostgres) -> None:
    """DNS-SD with records that live for a minute: who asks does not wait for their end."""
    if NAMED is None:
        return
    place = Bind9World(directory, ttl=60)
    await place.start()
    try:
        async with deployed(
            directory, server.dsn, [place.source()], database_owner_url=server.owner_dsn
        ) as deployment:
            way = Way("dns-sd on request", place.put, 1.0, asked=True)
            await measure(deployment, way, report, first=FIRST_PORT + 1000)
    finally:
        await place.stop()


async def part(work: Part, report: Report, room: Path) -> None:
    """With a PostgreSQL of its own, which ends with it."""
    server = EmbeddedPostgres(room / "pg")
    await server.start()
    try:
        await work(report, room, server)
    finally:
        await server.stop()


def main() -> int:
    """Run all of it."""
    report = Report("discovery")
    with tempfile.TemporaryDirectory(prefix="pxb-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        for work in (
            (run, asked, whole) if len(sys.argv) == 1 else [{"whole": whole, "asked": asked}[sys.argv[1]]]
        ):
            room = directory / work.__name__
            room.mkdir(mode=0o711)
            asyncio.run(part(work, report, room))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
