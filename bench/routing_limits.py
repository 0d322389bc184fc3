"""Budgets of callers, exact to one in a hundred, with one gateway of ours and with two."""

import asyncio
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import aiohttp

from bench.report import Report, quick
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import CALLER_ID, SECOND_ID, Cast, Parties, parties

SECONDS = 12 if quick() else 60
AN_HOUR = 72_000  # requests: 20 a second, so that seconds stand for hours
PAUSE = 0.003  # between two requests of the one who asks too much


def identified(both: Parties, identity: str) -> ssl.SSLContext:
    """As the gateway of a partner."""
    leaf = both.caller_authority.leaf(identity)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # what is measured is what the server does
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "leaf.pem"
        path.write_text(leaf.certificate + leaf.key)
        context.load_cert_chain(path)
    return context


async def spend(both: Parties, context: ssl.SSLContext, *, pause: float) -> tuple[int, int, float]:
    """Ask all servers in turn; how many were allowed and refused, and how long it took."""
    urls: Sequence[str] = [f"https://127.0.0.1:{server.ports['ingress']}/" for server in both.servers]
    allowed = refused = number = 0
    began = perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        while perf_counter() - began < SECONDS:
            url = urls[number % len(urls)]
            async with session.get(url, headers={"Host": "orders.server.example"}) as answer:
                allowed += answer.status == 200
                refused += answer.status == 429
            number += 1
            await asyncio.sleep(pause)
    return allowed, refused, perf_counter() - began


async def budget(report: Report, gateways: int) -> None:
    """One partner's node asks for more than it may, another for less."""
    async with parties(Tuning(), servers=gateways, cast=Cast(rate=AN_HOUR, gateways=gateways)) as both:
        greedy, modest = (identified(both, name) for name in (CALLER_ID, SECOND_ID))
        much, little = await asyncio.gather(spend(both, greedy, pause=PAUSE), spend(both, modest, pause=0.25))
    wanted = 50 + much[2] * AN_HOUR / 3_600
    report.line(
        gateways=gateways, allowed=much[0], refused=much[1], budget=round(wanted, 1), other=little[:2]
    )
    report.figure(
        f"budget with {gateways} gateway(s), difference", abs(much[0] / wanted - 1) * 100, unit="%", at_most=1
    )
    report.figure(f"second partner's refusals, {gateways} gateway(s)", little[1], unit="requests", at_most=0)
