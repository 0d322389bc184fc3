"""What a request costs to a resource that the gateway does not hold yet, and to one that it holds."""

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

import aiohttp

from bench.partner import Authority
from bench.report import Report, percentile, quick
from bench.world import PARTNERS, domain, json_lines, node, resource, trust_everybody
from control_plane.app.demo.organisation import Organisation, eventually
from tests.e2e.pair import WITHIN, Pair
from tests.integration.translate.parties import Parties

NODES = 1_000 if quick() else 50_000  # that nobody here calls, with a resource each
TRUSTED = 10 if quick() else PARTNERS  # organisations that they belong to
AT_ONCE = 10_000  # in one request
IDLE = 9  # the discard port: nothing is ever sent to it
FIRST = 100 if quick() else 500
KNOWN = 500 if quick() else 3_000
CLUSTERS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


async def crowd(own: Organisation) -> None:
    """Fill the organisation's world, until all of it is published."""
    await trust_everybody(own, Authority.of(domain(0)), partners=TRUSTED)
    loaded: dict[str, Any] = {"revision": 0}
    all_of_them = [number for number in range(NODES * PARTNERS // TRUSTED) if number % PARTNERS < TRUSTED]
    for begin in range(0, NODES, AT_ONCE):
        numbers = all_of_them[begin : begin + AT_ONCE]
        await own.bulk("/federation/nodes", json_lines(node(number, IDLE) for number in numbers))
        loaded = await own.bulk("/federation/resources", json_lines(map(resource, numbers)))

    async def published() -> bool:
        return bool((await own.get("/federation/info"))["revision"] >= loaded["revision"])

    await eventually("the whole world to be published", published, within=300)


async def fill(partners: Pair) -> None:
    """Many resources of Luebeck, known to both."""
    assert partners.upstream.endpoint
    address = {"host": partners.upstream.endpoint.host, "port": partners.upstream.endpoint.port}
    names = [f"r-{number}" for number in range(FIRST)]
    luebeck = partners.luebeck.trust_domain
    ours = ({"name": name, "organisation": luebeck, "upstreams": [address]} for name in names)
    theirs = ({"name": name, "organisation": luebeck} for name in names)
    await partners.luebeck.bulk("/federation/resources", json_lines(ours))
    await partners.novgorod.bulk("/federation/resources", json_lines(theirs))
    for name in names:
        grant = {"id": f"g-{name}", "resource": name, "subject": partners.novgorod.trust_domain}
        await partners.luebeck.post("/federation/grants", grant)
    for own in partners.organisations:
        await eventually(f"{own.name}'s gateway to have everything", partial(has_everything, own))
    await asyncio.sleep(1 if quick() else 3)  # what was loaded is audited and sealed meanwhile


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
    began = perf_counter()
    await crowd(partners.novgorod)
    loaded = perf_counter() - began
    await fill(partners)
    url = f"http://127.0.0.1:{partners.novgorod.sites[0].egress}/"
    luebeck = partners.luebeck.trust_domain
    async with aiohttp.ClientSession(timeout=WITHIN) as session:
        await timed(session, url, f"orders.{luebeck}")
        hosts = [f"r-{number}.{luebeck}" for number in range(FIRST)]
        first = [await timed(session, url, host) for host in hosts]
        again = [await timed(session, url, host) for host in hosts]
        unknown = [await timed(session, url, f"nothing-{n}.{luebeck}", 503) for n in range(20)]
        unknown += [await timed(session, url, f"nothing-{n}.{luebeck}", 503) for n in range(20)]
    await asyncio.sleep(2.5)  # deliveries are written down once a second
    gateway = partners.novgorod.sites[0].gateway_id
    rows = (await partners.novgorod.get(f"/federation/gateways/{gateway}/deliveries"))["deliveries"]
    held = next(row["wanted"] for row in rows if row["type_url"] == CLUSTERS)
    envoy = await active_clusters(partners.novgorod)
    report.line(nodes=NODES, loaded_s=round(loaded, 1), used=FIRST, held=held, clusters_in_envoy=envoy)
    report.line(first_p50_ms=round(percentile(first, 0.5), 2), again_p50_ms=round(percentile(again, 0.5), 2))
    name = f"first request to a node not held, of {NODES} nodes, p99"
    report.figure(name, percentile(first, 0.99), unit="ms", at_most=50)
    report.figure("the same again, p99", percentile(again, 0.99), unit="ms")
    report.figure("a name that does not exist, p99", percentile(unknown, 0.99), unit="ms", at_most=50)
    report.figure("clusters held beyond those used", held - FIRST, unit="clusters", at_most=5)
    report.figure("clusters in Envoy beyond those used", envoy - FIRST, unit="clusters", at_most=50)


async def active_clusters(own: Organisation) -> int:
    """What the gateway's Envoy itself says; names that do not exist are clusters with nothing in them."""
    socket = own.state_dir / "gateway" / own.sites[0].gateway_id / "run" / "admin.sock"
    query = {"filter": "cluster_manager.active_clusters"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.get("http://localhost/stats", params=query) as answer,
    ):
        return int((await answer.text()).rpartition(": ")[2])


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
