"""The circuit of a partner with a single node, as requests, the API and metrics see it."""

import asyncio
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import aiohttp

from bench.report import Report
from tests.e2e.pair import RESOURCE, WITHIN, Pair

MOST = 1.0  # seconds until API and metrics say what is


async def call(partners: Pair) -> int:
    """The status of one request of Novgorod's application."""
    url = f"http://127.0.0.1:{partners.novgorod.sites[0].egress}/"
    headers = {"host": f"{RESOURCE}.{partners.luebeck.trust_domain}"}
    async with aiohttp.ClientSession(timeout=WITHIN) as session, session.get(url, headers=headers) as answer:
        await answer.read()
        return answer.status


async def shown(partners: Pair) -> dict[str, Any]:
    """What the API says of the circuit to Luebeck's node."""
    node = f"{partners.luebeck.sites[0].gateway_id}@{partners.luebeck.trust_domain}"
    return await partners.novgorod.get(f"/federation/nodes/{node}/circuit")


async def measured(partners: Pair) -> int:
    """How many circuits are open, of the metrics."""
    path = str(partners.novgorod.state_dir / "run" / "admin.sock")
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
        session.get("http://localhost/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("proxenia_circuits_open "))


async def until(partners: Pair, state: str, number: int) -> float:
    """Seconds until API and metrics both say so."""
    began = perf_counter()
    async with asyncio.timeout(20):
        while (await shown(partners))["state"] != state or await measured(partners) != number:  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.02)
    return perf_counter() - began


async def circuit(partners: Pair, report: Report) -> None:
    """Closed, open, half open, closed; then by hand."""
    before = await until(partners, "closed", 0)
    partners.upstream.failing, reached = True, partners.upstream.requests
    failures = [await call(partners) for _ in range(5)]
    began = perf_counter()
    refused = [await call(partners) for _ in range(5)]
    fast = (perf_counter() - began) / 5
    opened = await until(partners, "open", 1)
    reached = partners.upstream.requests - reached
    partners.upstream.failing = False
    waited = await until(partners, "half_open", 0)
    since = datetime.fromisoformat((await shown(partners))["since"])
    late = (datetime.now(UTC) - since).total_seconds()
    answered = await call(partners)
    closed = await until(partners, "closed", 0)
    report.line(failures=failures, refused=refused, half_open_after_s=round(waited, 2))
    report.figure("requests that reach a node that fails", reached, unit="requests", at_most=5)
    report.figure("of these before the circuit opened", reached, unit="requests", at_least=5)
    report.figure("refusals with 503 afterwards", refused.count(503), unit="of 5", at_least=5)
    report.figure("a refusal takes", fast * 1000, unit="ms", at_most=50)
    report.figure("answer after recovery", answered, unit="status", at_most=200)
    for step, seconds in (
        ("closed", before),
        ("open", opened),
        ("half open", late),
        ("closed again", closed),
    ):
        report.figure(f"API and metrics say {step} after", seconds, unit="s", at_most=MOST)
    await by_hand(partners, report)


async def by_hand(partners: Pair, report: Report) -> None:
    """Opened by an operator, and reset; then opened by failures, and reset before its time."""
    node = f"{partners.luebeck.sites[0].gateway_id}@{partners.luebeck.trust_domain}"
    await partners.novgorod.post(f"/federation/nodes/{node}/circuit/open", {"reason": "a drill"})
    await becomes(partners, 503)
    await partners.novgorod.post(f"/federation/nodes/{node}/circuit/reset", {})
    await becomes(partners, 200)
    partners.upstream.failing = True
    for _ in range(5):
        await call(partners)
    partners.upstream.failing = False
    began = perf_counter()
    await partners.novgorod.post(f"/federation/nodes/{node}/circuit/reset", {})
    await becomes(partners, 200)
    report.figure("reset to the first answer", perf_counter() - began, unit="s", at_most=MOST)
    report.figure("API says closed after a reset", await until(partners, "closed", 0), unit="s", at_most=MOST)


async def becomes(partners: Pair, status: int) -> None:
    """Wait until a request is answered so."""
    async with asyncio.timeout(10):
        while await call(partners) != status:  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.02)
