"""Becoming partners by one token, and taking trust back under load: what operators wait for."""

import asyncio
import time
from pathlib import Path

import aiohttp

from bench.report import Report
from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.app.demo.upstream import Upstream
from tests.e2e.revocation import Load, connections, stage


def _organisation(name: str, directory: Path) -> Organisation:
    settings = {
        "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
    }
    return Organisation(f"{name}.example", directory, sites=1, settings=settings)


async def joining(directory: Path, report: Report) -> None:
    """Two fresh deployments: ``invite``, ``join``, ``approve`` on both sides; a granted request passes."""
    visby, riga = _organisation("visby", directory), _organisation("riga", directory)
    async with Upstream("amber") as amber, visby, riga, aiohttp.ClientSession() as session:
        await asyncio.gather(visby.ready(), riga.ready())
        began = time.perf_counter()
        invitation = await visby.post("/federation/invites", {"organisation": riga.trust_domain})
        joined = await riga.post("/federation/join", {"token": invitation["token"]})
        report.figure(
            "join: both compare the same words", joined["words"] == invitation["words"], unit="", at_least=1
        )
        report.figure("join: invitation to pending on both sides", time.perf_counter() - began, unit="s")
        await visby.post(f"/federation/agreements/{riga.trust_domain}/approve", {})
        await riga.post(f"/federation/agreements/{visby.trust_domain}/approve", {})
        assert amber.endpoint
        upstream = {"host": amber.endpoint.host, "port": amber.endpoint.port}
        offered = {"name": "amber", "organisation": visby.trust_domain}
        await visby.post("/federation/resources", {**offered, "upstreams": [upstream]})
        grant = {"id": "riga-amber", "resource": "amber", "subject": riga.trust_domain}
        await visby.post("/federation/grants", grant)
        await riga.post("/federation/resources", offered)

        async def served() -> bool:
            url = f"http://127.0.0.1:{riga.sites[0].egress}/"
            async with session.get(url, headers={"host": "amber.visby.example"}) as answer:
                return answer.status == 200

        await eventually("a granted request to pass", served)
        seconds = time.perf_counter() - began
        report.figure("join: invitation to the first granted request", seconds, unit="s", at_most=10)


async def revoking(directory: Path, report: Report) -> None:
    """An organisation is revoked while it calls; another partner calls all the time, too."""
    async with stage(directory) as three:
        envoy, port = three.novgorod.envoy_pid(three.novgorod.sites[0]), three.luebeck.sites[0].ingress
        async with (
            Load(three, three.novgorod).running() as revoked,
            Load(three, three.bergen).running() as other,
        ):
            await asyncio.sleep(1)
            began = time.monotonic()
            await three.luebeck.post(f"/federation/agreements/{three.novgorod.trust_domain}/revoke", {})
            answered = time.monotonic()
            await asyncio.sleep(2)
        proof = await three.proof(three.novgorod)
        await asyncio.sleep(max(0.0, began + proof["took_ms"] / 1000 - time.monotonic()))
        first, last = revoked.first_refusal - answered, revoked.last_served - answered
        failures = sum(status != 200 for _, status in other.answers)
        report.figure("revocation: first refusal after the order", 1000 * first, unit="ms", at_most=100)
        report.figure("revocation: last request served after the order", 1000 * last, unit="ms", at_most=1000)
        report.figure("revocation: recorded time", proof["took_ms"], unit="ms")
        left = connections(envoy, port)
        report.figure("revocation: connections left then", left, unit="connections", at_most=0)
        report.figure("revocation: failures of others", failures, unit=f"of {len(other.answers)}", at_most=0)
