"""The stage: three organisations, their services, and what they agreed on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from control_plane.app.demo.organisation import Organisation
from control_plane.app.demo.upstream import Upstream

NO_ANSWER = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application got."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Luebeck offers ``orders`` from two nodes, Bergen ``stockfish`` from one; Novgorod may use both."""

    luebeck: Organisation
    bergen: Organisation
    novgorod: Organisation
    orders: Upstream
    stockfish: Upstream
    applications: aiohttp.ClientSession

    @property
    def organisations(self) -> tuple[Organisation, Organisation, Organisation]:
        """All three."""
        return self.luebeck, self.bergen, self.novgorod

    async def call(self, caller: Organisation, resource: str, path: str = "/") -> Answer:
        """One request of an application of ``caller`` to ``resource`` (name@organisation)."""
        host = resource.replace("@", ".")
        url = f"http://127.0.0.1:{caller.sites[0].egress}{path}"
        async with self.applications.get(url, headers={"host": host}) as answer:
            return Answer(answer.status, await answer.text())


@asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    """Start everything; whatever happens, everything is stopped again."""
    async with AsyncExitStack() as stack:
        orders = await stack.enter_async_context(Upstream("orders"))
        stockfish = await stack.enter_async_context(Upstream("stockfish"))
        applications = await stack.enter_async_context(aiohttp.ClientSession(timeout=NO_ANSWER))
        luebeck, bergen, novgorod = (
            Organisation("luebeck.example", directory, sites=2),
            Organisation("bergen.example", directory, sites=1),
            Organisation("novgorod.example", directory, sites=2),
        )
        await stack.enter_async_context(all_of(luebeck, bergen, novgorod))
        yield Scene(luebeck, bergen, novgorod, orders, stockfish, applications)


@asynccontextmanager
async def all_of(*organisations: Organisation) -> AsyncIterator[None]:
    """Start the organisations, and in the end stop them all at once: each takes seconds to drain."""
    try:
        for organisation in organisations:
            await organisation.__aenter__()
        yield
    finally:
        await asyncio.gather(*(organisation.__aexit__() for organisation in organisations))


async def introduce(scene: Scene) -> None:
    """What operators do once: exchange bundles and nodes, offer resources, grant them."""
    pairs = [(one, other) for one in scene.organisations for other in scene.organisations if one is not other]
    await asyncio.gather(*(_become_partners(one, other) for one, other in pairs))
    await _offer(scene.luebeck, "orders", scene.orders)
    await _offer(scene.bergen, "stockfish", scene.stockfish)
    for partner in (scene.bergen, scene.novgorod):
        await _import(partner, "orders", scene.luebeck)
    for partner in (scene.luebeck, scene.novgorod):
        await _import(partner, "stockfish", scene.bergen)
    await _grant(scene.luebeck, "orders", scene.novgorod)
    await _grant(scene.bergen, "stockfish", scene.novgorod)


async def _become_partners(own: Organisation, partner: Organisation) -> None:
    bundles = (await partner.get("/federation/bundles"))["items"]
    anchors = next(bundle["anchors"] for bundle in bundles if bundle["organisation"] == partner.trust_domain)
    await own.post(
        "/federation/agreements",
        {"organisation": partner.trust_domain, "state": "trusted", "bundle": "".join(anchors)},
    )
    for gateway in (await partner.get("/federation/gateways"))["items"]:
        await own.post(
            "/federation/nodes",
            {
                "node_id": gateway["id"],
                "organisation": partner.trust_domain,
                "spiffe_id": gateway["spiffe_id"],
                "endpoints": [{"host": gateway["ingress"]["host"], "port": gateway["ingress"]["port"]}],
            },
        )


async def _offer(own: Organisation, name: str, upstream: Upstream) -> None:
    if upstream.endpoint is None:
        message = f"{name} does not listen"
        raise RuntimeError(message)
    address = {"host": upstream.endpoint.host, "port": upstream.endpoint.port}
    await own.post(
        "/federation/resources", {"name": name, "organisation": own.trust_domain, "upstreams": [address]}
    )


async def _import(own: Organisation, name: str, partner: Organisation) -> None:
    await own.post("/federation/resources", {"name": name, "organisation": partner.trust_domain})


async def _grant(own: Organisation, resource: str, partner: Organisation) -> None:
    await own.post(
        "/federation/grants",
        {"id": f"{partner.name}-uses-{resource}", "resource": resource, "subject": partner.trust_domain},
    )
