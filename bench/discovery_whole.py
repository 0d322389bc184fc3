"""10,000 DNS-SD instances (quick: 2,000) in one zone, all the way to our list, and who waited for it."""

import time
from pathlib import Path

from bench.discovery_many import zone
from bench.lag import Lag
from bench.report import Report, quick
from control_plane.discovery.dns_sd import DnsOptions, DnsSd
from control_plane.store.embedded import EmbeddedPostgres
from tests.integration.discovery.bind9 import NAMED, Bind9
from tests.integration.discovery.deployment import PARTNER, Deployment, deployed
from tests.integration.discovery.gated import Gated

INSTANCES = 2_000 if quick() else 10_000
LISTED_WITHIN = 15.0 * INSTANCES / 10_000  # seconds
BLOCKED_AT_MOST = 50.0  # milliseconds


async def whole(report: Report, directory: Path, server: EmbeddedPostgres) -> None:
    """List them, and count them in the list."""
    if NAMED is None:
        report.progress(f"no bind9 here: {INSTANCES} instances are not measured")
        return
    report.progress(f"{INSTANCES} instances in one zone")
    async with Bind9(directory / "bind9", {PARTNER: zone(INSTANCES)}) as named:
        source = Gated(DnsSd(DnsOptions(domain=PARTNER, servers=[named.server], floor=60)))
        owner = server.owner_dsn
        async with deployed(
            directory, server.dsn, [source], resource="", database_owner_url=owner
        ) as deployment:
            began, computed = time.perf_counter(), time.process_time()
            async with Lag() as lag:
                source.begin.set()
                await deployment.until("all to be seen", lambda: _seen(deployment), within=120, pause=0.1)
                seconds, computed = time.perf_counter() - began, time.process_time() - computed
            listed = await _listed(deployment)
    report.figure("dns-sd: instances in the list", listed, unit="", at_least=INSTANCES)
    report.figure(f"dns-sd: {INSTANCES} in the list", seconds, unit="s", at_most=LISTED_WITHIN)
    report.figure(f"dns-sd: {INSTANCES} in the list, computing of ours", computed, unit="s")
    report.figure("dns-sd: loop blocked meanwhile", lag.own * 1000, unit="ms", at_most=BLOCKED_AT_MOST)
    report.figure("dns-sd: loop late, with what other processes took", lag.worst * 1000, unit="ms")


async def _seen(deployment: Deployment) -> bool:
    states = await deployment.parts.database.sources.all()
    return any(state.findings.nodes == INSTANCES for state in states)


async def _listed(deployment: Deployment) -> int:
    count, after = 0, ""
    while after is not None:
        page = await deployment.call(
            "GET", f"/federation/nodes?limit=1000&organisation={PARTNER}&after={after}"
        )
        count, after = count + len(page["items"]), page["next"]
    return count
