"""A gateway whose machine is started again while no control plane is there has its listeners all the same."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from control_plane.app.demo.organisation import Organisation, Site, eventually
from control_plane.app.demo.upstream import Upstream
from tests.e2e.conftest import room
from tests.e2e.pair import WITHIN

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Both:
    """Luebeck has two gateways, of which the second runs by itself; each offers the other something."""

    luebeck: Organisation
    novgorod: Organisation
    goods: Upstream

    @property
    def second(self) -> Site:
        """The gateway that has no control plane beside it."""
        return self.luebeck.sites[1]

    async def status(self, egress: int, host: str) -> int:
        """Of one request; 0 when there was no connection."""
        url = f"http://127.0.0.1:{egress}/"
        try:
            async with (
                aiohttp.ClientSession(timeout=WITHIN) as session,
                session.get(url, headers={"host": host}) as answer,
            ):
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def into(self) -> int:
        """From Novgorod's application, to whichever gateway of Luebeck is there."""
        return await self.status(self.novgorod.sites[0].egress, "goods.luebeck.example")

    async def out(self) -> int:
        """From an application beside Luebeck's second gateway."""
        return await self.status(self.second.egress, "goods.novgorod.example")


async def trust(own: Organisation, partner: Organisation) -> None:
    anchors = (await partner.get("/federation/info"))["anchors"]
    terms = {"organisation": partner.trust_domain, "state": "trusted", "bundle": "".join(anchors)}
    await own.post("/federation/agreements", terms)
    for site in partner.sites:
        node = {
            "node_id": site.gateway_id,
            "organisation": partner.trust_domain,
            "spiffe_id": f"spiffe://{partner.trust_domain}/gateway/{site.gateway_id}",
            "endpoints": [{"host": "127.0.0.1", "port": site.ingress}],
        }
        await own.post("/federation/nodes", node)


async def offer(own: Organisation, partner: Organisation, goods: Upstream) -> None:
    assert goods.endpoint
    address = {"host": goods.endpoint.host, "port": goods.endpoint.port}
    resource = {"name": "goods", "organisation": own.trust_domain}
    await own.post("/federation/resources", {**resource, "upstreams": [address]})
    await own.post(
        "/federation/grants", {"id": "for-all", "resource": "goods", "subject": partner.trust_domain}
    )
    await partner.post("/federation/resources", resource)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both() -> AsyncIterator[Both]:
    with room() as directory:
        luebeck = Organisation("luebeck.example", directory, sites=2)
        novgorod = Organisation("novgorod.example", directory, sites=1)
        async with Upstream("goods") as goods, luebeck, novgorod:
            await asyncio.gather(luebeck.ready(), novgorod.ready())
            pairs = ((luebeck, novgorod), (novgorod, luebeck))
            for own, partner in pairs:
                await trust(own, partner)
            for own, partner in pairs:
                await offer(own, partner, goods)
            made = Both(luebeck, novgorod, goods)
            await eventually("requests to pass", lambda: all_pass(made))
            yield made


async def all_pass(both: Both) -> bool:
    return (await both.into(), await both.out()) == (200, 200)


async def test_traffic_passes_through_a_gateway_that_was_started_without_any_control_plane(
    both: Both,
) -> None:
    await both.luebeck.stop("up")  # control plane, database and the first gateway
    await both.luebeck.kill_site(both.second)  # agent and Envoy, as by a loss of power
    gone = await both.into(), await both.out()

    both.luebeck.start_site(both.second)
    await eventually("traffic through the second gateway alone", lambda: all_pass(both), within=40)

    assert 200 not in gone


async def test_when_the_control_plane_is_back_the_gateway_follows_it_again(both: Both) -> None:
    both.luebeck.start("up")
    await both.luebeck.ready_again()
    agreement = f"/federation/agreements/{both.novgorod.trust_domain}"

    await both.luebeck.post(f"{agreement}/pause", {})
    await eventually("the second gateway to hear of the pause", lambda: refused(both), within=40)
    await both.luebeck.post(f"{agreement}/resume", {})

    await eventually("traffic", lambda: all_pass(both), within=40)


async def refused(both: Both) -> bool:
    return await both.out() == 503
