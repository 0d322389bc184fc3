"""Budgets of callers, exact to one in a hundred, with one gateway of ours and with two.

First gateways alone, with what the control plane would publish; then two of one control plane, which hear
over ADS how many they are.
"""

import asyncio
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import aiohttp

from bench.partner import Authority
from bench.path import passable
from bench.report import Report, quick
from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.demo.upstream import Upstream
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import CALLER_ID, SECOND_ID, Cast, parties

SECONDS = 8 if quick() else 60
AN_HOUR = 144_000  # requests: 40 a second, so that seconds stand for hours
BURST = 50
ENFORCED = {"PROXENIA_RATE_LIMITS": "enforced"}
PAUSE = 0.003  # between two requests of the one who asks too much


def identified(pem: str) -> ssl.SSLContext:
    """As the gateway of a partner, with its certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is measured is what the server does
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "leaf.pem"
        path.write_text(pem)
        context.load_cert_chain(path)
    return context


@dataclass(frozen=True, slots=True)
class Doors:
    """Ingress ports of our gateways, and under which name they have the resource."""

    ports: Sequence[int]
    host: str


async def spend(doors: Doors, context: ssl.SSLContext, *, pause: float) -> tuple[int, int, float]:
    """Ask all gateways in turn; how many were allowed and refused, and how long it took."""
    urls = [f"https://127.0.0.1:{port}/" for port in doors.ports]
    allowed = refused = number = 0
    began = perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        while perf_counter() - began < SECONDS:
            url = urls[number % len(urls)]
            async with session.get(url, headers={"Host": doors.host}) as answer:
                allowed += answer.status == 200
                refused += answer.status == 429
            number += 1
            await asyncio.sleep(pause)
    return allowed, refused, perf_counter() - began


async def budget(report: Report, gateways: int) -> None:
    """One partner's node asks for more than it may, another for less."""
    async with parties(Tuning(), servers=gateways, cast=Cast(rate=AN_HOUR, gateways=gateways)) as both:
        leaves = [both.caller_authority.leaf(name) for name in (CALLER_ID, SECOND_ID)]
        greedy, modest = (identified(leaf.certificate + leaf.key) for leaf in leaves)
        doors = Doors([server.ports["ingress"] for server in both.servers], "orders.server.example")
        await measure(report, doors, greedy, modest=modest, name=f"{gateways} gateway(s)")


async def measure(
    report: Report, doors: Doors, greedy: ssl.SSLContext, *, modest: ssl.SSLContext, name: str
) -> None:
    """Both at once, for the same time."""
    much, little = await asyncio.gather(spend(doors, greedy, pause=PAUSE), spend(doors, modest, pause=0.25))
    wanted = BURST + much[2] * AN_HOUR / 3_600
    report.line(case=name, allowed=much[0], refused=much[1], budget=round(wanted, 1), other=little[:2])
    off = abs(much[0] / wanted - 1) * 100
    report.figure(f"budget with {name}, difference", off, unit="%", at_most=1)
    report.figure(f"second partner's refusals, {name}", little[1], unit="requests", at_most=0)


async def over_ads(report: Report) -> None:
    """Two gateways of one control plane, and two partners that have a node each."""
    partners = [Authority.of("novgorod.example"), Authority.of("visby.example")]
    contexts = [identified("".join(each.identity("gateway/0"))) for each in partners]
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        own = Organisation("luebeck.example", passable(Path(name)), sites=2, settings=ENFORCED)
        async with Upstream("orders") as upstream, own:
            await own.ready()
            assert upstream.endpoint
            address = {"host": upstream.endpoint.host, "port": upstream.endpoint.port}
            await own.post("/federation/resources", resource(own) | {"upstreams": [address]})
            for partner in partners:
                await admit(own, partner)
            doors = Doors([site.ingress for site in own.sites], f"orders.{own.trust_domain}")
            for context in contexts:
                await eventually("both gateways to answer", partial(answers, doors, context))
            await asyncio.sleep(BURST * 3_600 / AN_HOUR + 1)  # what that took is there again
            greedy, modest = contexts
            await measure(report, doors, greedy, modest=modest, name="2 gateways over ADS")


def resource(own: Organisation) -> dict[str, str]:
    """What is called."""
    return {"name": "orders", "organisation": own.trust_domain}


async def admit(own: Organisation, partner: Authority) -> None:
    """Trust it, and let its node call, so many times an hour."""
    domain = partner.trust_domain
    agreement = {"organisation": domain, "state": "trusted", "bundle": partner.anchor}
    await own.post("/federation/agreements", agreement)
    node = {
        "node_id": "node-0",
        "organisation": domain,
        "spiffe_id": f"spiffe://{domain}/gateway/0",
        "endpoints": [{"host": "127.0.0.1", "port": 9}],
        "rate_limit_per_hour": AN_HOUR,
    }
    await own.post("/federation/nodes", node)
    await own.post("/federation/grants", {"id": domain, "resource": "orders", "subject": domain})


async def answers(doors: Doors, context: ssl.SSLContext) -> bool:
    """Whether all gateways let this partner in."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        for port in doors.ports:
            try:
                async with session.get(f"https://127.0.0.1:{port}/", headers={"Host": doors.host}) as answer:
                    if answer.status != 200:
                        return False
            except aiohttp.ClientError:
                return False
    return True
