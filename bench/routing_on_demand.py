"""What a request costs to a resource that the gateway does not hold yet, and to one that it holds."""

import asyncio
import json
from functools import partial
from time import perf_counter

import aiohttp

from bench.report import Report, percentile, quick
from control_plane.app.demo.organisation import Organisation, eventually
from tests.e2e.pair import WITHIN, Pair
from tests.integration.translate.parties import Parties

RESOURCES = 500 if quick() else 2_000
FIRST = 100 if quick() else 500
KNOWN = 500 if quick() else 3_000
CLUSTERS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


async def fill(partners: Pair) -> None:
    """Many resources of Luebeck, known to both."""
    assert partners.upstream.endpoint
    address = {"host": partners.upstream.endpoint.host, "port": partners.upstream.endpoint.port}
    names = [f"r-{number}" for number in range(RESOURCES)]
    domain = partners.luebeck.trust_domain
    used = names[:FIRST]
    ours = [json.dumps({"name": name, "organisation": domain, "upstreams": [address]}) for name in used]
    theirs = [json.dumps({"name": name, "organisation": domain}) for name in names]
    await partners.luebeck.bulk("/federation/resources", "\n".join(ours) + "\n")
    await partners.novgorod.bulk("/federation/resources", "\n".join(theirs) + "\n")
    for name in used:
        grant = {"id": f"g-{name}", "resource": name, "subject": partners.novgorod.trust_domain}
        await partners.luebeck.post("/federation/grants", grant)
    for own in partners.organisations:
        await eventually(f"{own.name}'s gateway to have everything", partial(has_everything, own))
    await asyncio.sleep(3)  # what was loaded is audited and sealed meanwhile


async def has_everything(own: Organisation) -> bool:
    """Whether the gateway acknowledged all that it should have."""
    rows = (await own.get(f"/federation/gateways/{own.sites[0].gateway_id}/deliveries"))["deliveries"]
    return all(row["wanted"] == row["acknowledged"] and not row["in_flight"] for row in rows)


async def timed(session: aiohttp.ClientSession, url: str, host: str, wanted: int = 200) -> float:
    """Milliseconds of one request; RuntimeError when it is answered otherwise."""
    began = perf_counter()
    async with session.get(url, headers={"host": host}) as answer:
        await answer.read()
        if answer.status != wanted:
            raise RuntimeError(f"expected {wanted} of {host}, got {answer.status}")
    return (perf_counter() - began) * 1000


async def on_demand(partners: Pair, report: Report) -> None:
    """First requests, the same again, and what the gateway then holds."""
    await fill(partners)
    url = f"http://127.0.0.1:{partners.novgorod.sites[0].egress}/"
    domain = partners.luebeck.trust_domain
    async with aiohttp.ClientSession(timeout=WITHIN) as session:
        await timed(session, url, f"orders.{domain}")
        hosts = [f"r-{number}.{domain}" for number in range(FIRST)]
        first = [await timed(session, url, host) for host in hosts]
        again = [await timed(session, url, host) for host in hosts]
        unknown = [await timed(session, url, f"nothing-{n}.{domain}", 503) for n in range(20)]
        unknown += [await timed(session, url, f"nothing-{n}.{domain}", 503) for n in range(20)]
    await asyncio.sleep(2.5)  # deliveries are written down once a second
    gateway = partners.novgorod.sites[0].gateway_id
    rows = (await partners.novgorod.get(f"/federation/gateways/{gateway}/deliveries"))["deliveries"]
    held = next(row["wanted"] for row in rows if row["type_url"] == CLUSTERS)
    report.line(resources=RESOURCES, used=FIRST, held=held, first_p50_ms=round(percentile(first, 0.5), 2))
    report.figure("first request to a node not held, p99", percentile(first, 0.99), unit="ms", at_most=50)
    report.figure("the same again, p99", percentile(again, 0.99), unit="ms")
    report.figure("a name that does not exist, p99", percentile(unknown, 0.99), unit="ms", at_most=50)
    report.figure("clusters held beyond those used", held - FIRST, unit="clusters", at_most=5)


async def look_up(both: Parties, report: Report, bare: int) -> None:
    """The same request by name and through a bare route, in turn; ``bare`` is that listener's port."""
    named, plain = [], []
    async with aiohttp.ClientSession() as session:
        for number in range(KNOWN + 50):
            host = "orders.server.example"
            one = await timed(session, both.url("/"), host)
            two = await timed(session, f"http://127.0.0.1:{bare}/", host)
            if number >= 50:
                named.append(one)
                plain.append(two)
    p99 = percentile(named, 0.99) - percentile(plain, 0.99)
    median = percentile(named, 0.5) / percentile(plain, 0.5)
    report.line(named_p50_ms=round(percentile(named, 0.5), 3), bare_p50_ms=round(percentile(plain, 0.5), 3))
    report.figure("known: the look-up adds, p99", p99, unit="ms", at_most=1)
    report.figure("known: with look-up over bare, p50", median, unit="ratio", at_most=1.5)
