"""Very many nodes: 10,000 DNS-SD instances in one zone, and 5,000 announcers on one link.

Run with ``make bench NAME=discovery_many`` (``QUICK=1``: 2,000 instances in a fifth of the time). The zone is
served by a real bind9 with its default limits, so its instances are spread over browsing domains. The
announcers are datagrams on a virtual link, which needs root; without it that part is left out, and says so.
"""

import asyncio
import gc
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bench.lag import Lag
from bench.report import Report, quick
from control_plane.app.serve import COLLECT
from control_plane.discovery.dns_sd import DnsOptions, DnsSd
from control_plane.discovery.mdns import Mdns, MdnsOptions
from control_plane.discovery.mdns_view import MAX_SERVICES
from control_plane.ports.source import Report as Said
from control_plane.ports.source import Seen
from tests.integration.discovery import avahi
from tests.integration.discovery.bind9 import NAMED, WITHOUT_BIND9, Bind9, instance
from tests.integration.discovery.far import start

INSTANCES = 2_000 if quick() else 10_000
MOST_SECONDS = 3.0 if quick() else 15.0
MOST_BLOCKED = 50.0  # milliseconds
IN_A_DOMAIN = 100  # instances: bind9's max-records-per-type
ANNOUNCERS = 5_000
ZONE = "luebeck.example"


def zone(count: int) -> str:
    """So many instances, in browsing domains of one zone."""
    lines = []
    for number in range(count):
        one, domain = instance(f"node-{number:05}"), f"d{number // IN_A_DOMAIN}"
        if not number % IN_A_DOMAIN:
            lines.append(f"b._dns-sd._udp 60 PTR {domain}\n")
        lines.append(one.records(below=domain))
    return "".join(lines)


async def instances(report: Report) -> None:
    """List a zone, twice: the second look has something to compare with."""
    if NAMED is None:
        report.progress(f"left out: {WITHOUT_BIND9}")
        return
    directory = Path(tempfile.mkdtemp(prefix="proxenia-bench-"))
    try:
        async with Bind9(directory, {ZONE: zone(INSTANCES)}) as named:
            source = DnsSd(DnsOptions(domain=ZONE, servers=(named.server,), floor=60))
            reports = source.reports()
            for look in ("first", "second"):
                await listing(report, reports, look)
                source.look()
            await reports.aclose()  # type: ignore[attr-defined]  # it is a generator
    finally:
        shutil.rmtree(directory)


async def listing(report: Report, reports: AsyncIterator[Said], look: str) -> None:
    """One look, timed."""
    async with Lag() as lag:
        began, computed = time.perf_counter(), time.thread_time()
        said = await anext(reports)
        seconds, computed = time.perf_counter() - began, time.thread_time() - computed
    listed = len(said.candidates) if isinstance(said, Seen) else 0
    report.figure(f"instances listed by the {look} look", listed, unit="", at_least=INSTANCES)
    report.figure(f"{look} look", seconds, unit="s", at_most=MOST_SECONDS)
    report.figure(f"{look} look, computing of ours", computed, unit="s")
    blocked(report, lag, f"in the {look} look")


async def announcers(report: Report) -> None:
    """A flood on a link on which one good node was there before."""
    if avahi.why_not():
        report.progress(f"announcers are left out: {avahi.why_not()}")
        return
    directory = Path(tempfile.mkdtemp(prefix="proxenia-bench-"))
    try:
        async with avahi.Link() as link, avahi.Avahi(directory / "avahi", link) as responder:
            responder.publish(instance("good"))
            reports = Mdns(MdnsOptions(interface=link.name)).reports()
            said = await until(reports, lambda seen: "good" in names(seen))
            async with Lag() as lag:
                flood = await start(link.namespace, "flood", str(ANNOUNCERS))
                ended = asyncio.create_task(flood.wait())
                said = await until(reports, lambda seen: ended.done() and seen.left_out > 0)
            await reports.aclose()  # type: ignore[attr-defined]  # it is a generator
    finally:
        shutil.rmtree(directory)
    report.figure("announcers that are kept", len(said.candidates), unit="", at_most=MAX_SERVICES)
    report.figure("announcers that are told as left out", said.left_out, unit="", at_least=1)
    report.figure("the good node is among those kept", "good" in names(said), unit="", at_least=1)
    blocked(report, lag, "in the flood")


async def until(reports: AsyncIterator[Said], holds: Callable[[Seen], bool]) -> Seen:
    """The first report of which it is true."""
    async with asyncio.timeout(60):
        async for said in reports:
            if isinstance(said, Seen) and holds(said):
                return said
    raise AssertionError("expected reports for ever, got an end of them")


def names(seen: Seen) -> set[str]:
    """Who is in it."""
    return {candidate.name for candidate in seen.candidates}


def blocked(report: Report, lag: Lag, when: str) -> None:
    """For how long the loop was not free."""
    report.figure(f"loop blocked {when}", lag.own * 1000, unit="ms", at_most=MOST_BLOCKED)
    report.figure(f"loop late {when}, with what other processes took", lag.worst * 1000, unit="ms")


async def run(report: Report) -> int:
    """All of it, with the garbage collector as the control plane sets it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    await instances(report)
    await announcers(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(Report("discovery_many"))))
