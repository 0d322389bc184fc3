"""Two partners under continuous load, whose gateways renew certificates and connections all the time."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.app.demo.scene import all_of
from control_plane.app.demo.upstream import Upstream
from control_plane.pki.certificate import load_chain, serial_hex

RESOURCE = "orders"
WITHIN = aiohttp.ClientTimeout(total=10)


@dataclass(slots=True)
class Load:
    """What the callers saw, and how many certificates the gateways used meanwhile."""

    outcomes: Counter[str] = field(default_factory=Counter)
    serials: dict[str, set[str]] = field(default_factory=dict)
    handshakes: int = 0

    @property
    def requests(self) -> int:
        """All of them."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """All that did not get 200."""
        return self.requests - self.outcomes["200"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Luebeck offers a resource that Novgorod calls; each has one gateway."""

    luebeck: Organisation
    novgorod: Organisation
    upstream: Upstream

    @property
    def organisations(self) -> tuple[Organisation, Organisation]:
        """Both."""
        return self.luebeck, self.novgorod

    async def exchange(self) -> None:
        """Each takes over the other's anchors as they are now, and the agreement."""
        for own, partner in ((self.luebeck, self.novgorod), (self.novgorod, self.luebeck)):
            await take_over(own, partner)

    @asynccontextmanager
    async def load(self, workers: int = 4) -> AsyncIterator[Load]:
        """Requests from Novgorod's application, half of them on connections of their own, until the end."""
        load, done = Load(), asyncio.Event()
        before = await handshakes(self.luebeck)
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._call(load, done, fresh=number % 2 == 0))
            group.create_task(_watch(self.organisations, load, done))
            try:
                yield load
            finally:
                done.set()
        load.handshakes = await handshakes(self.luebeck) - before

    async def _call(self, load: Load, done: asyncio.Event, *, fresh: bool) -> None:
        url = f"http://127.0.0.1:{self.novgorod.sites[0].egress}/"
        headers = {"host": f"{RESOURCE}.{self.luebeck.trust_domain}"}
        async with aiohttp.ClientSession(
            timeout=WITHIN, connector=aiohttp.TCPConnector(force_close=fresh)
        ) as session:
            while not done.is_set():
                try:
                    async with session.get(url, headers=headers) as answer:
                        text = await answer.text()
                        load.outcomes["200" if answer.status == 200 else f"{answer.status} {text}"] += 1
                except (aiohttp.ClientError, TimeoutError) as error:
                    load.outcomes[repr(error)] += 1
                await asyncio.sleep(0.005)


async def take_over(own: Organisation, partner: Organisation) -> None:
    """``own`` trusts the anchors that ``partner`` publishes now."""
    bundles = (await partner.get("/federation/bundles"))["items"]
    anchors = next(one["anchors"] for one in bundles if one["organisation"] == partner.trust_domain)
    agreement = {"organisation": partner.trust_domain, "state": "trusted", "bundle": "".join(anchors)}
    path = f"/federation/agreements/{partner.trust_domain}"
    existing = (await own.get("/federation/agreements"))["items"]
    if any(one["organisation"] == partner.trust_domain for one in existing):
        await own.put(path, {name: value for name, value in agreement.items() if name != "organisation"})
    else:
        await own.post("/federation/agreements", agreement)


@asynccontextmanager
async def pair(
    directory: Path,
    settings: dict[str, str],
    *,
    joined: bool = False,
    only_novgorod: dict[str, str] | None = None,
) -> AsyncIterator[Pair]:
    """Start both, make them partners, and wait until the first request passes.

    ``joined``: by an invitation, so that their control planes speak with each other from then on.
    """
    luebeck, novgorod = (
        Organisation(
            f"{name}.example", directory, sites=1, settings=settings | _peering(joined=joined) | more
        )
        for name, more in (("luebeck", {}), ("novgorod", only_novgorod or {}))
    )
    async with Upstream(RESOURCE) as upstream, all_of(luebeck, novgorod):
        await asyncio.gather(luebeck.ready(), novgorod.ready())
        running = Pair(luebeck, novgorod, upstream)
        await (_join(luebeck, novgorod) if joined else _introduce(running))
        assert upstream.endpoint
        address = {"host": upstream.endpoint.host, "port": upstream.endpoint.port}
        resource = {"name": RESOURCE, "organisation": luebeck.trust_domain}
        await luebeck.post("/federation/resources", resource | {"upstreams": [address]})
        await novgorod.post("/federation/resources", resource)
        grant = {"id": "novgorod-uses-orders", "resource": RESOURCE, "subject": novgorod.trust_domain}
        await luebeck.post("/federation/grants", grant)
        await eventually("a request to pass", lambda: _passes(running))
        yield running


def _peering(*, joined: bool) -> dict[str, str]:
    """What lets two control planes of one machine reach each other."""
    if not joined:
        return {}
    listen = {"PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}"}
    return listen | {"PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8", "PROXENIA_HEARTBEAT_SECONDS": "1"}


async def _join(inviter: Organisation, joiner: Organisation) -> None:
    wanted = {"organisation": joiner.trust_domain}
    token = (await inviter.post("/federation/invites", wanted))["token"]
    await joiner.post("/federation/join", {"token": token})
    for own, partner in ((inviter, joiner), (joiner, inviter)):
        await own.post(f"/federation/agreements/{partner.trust_domain}/approve", {})


async def _introduce(running: Pair) -> None:
    """By hand: each operator carries the other's anchors and gateways over."""
    await running.exchange()
    for own, partner in (running.organisations, running.organisations[::-1]):
        for gateway in (await partner.get("/federation/gateways"))["items"]:
            node = {
                "node_id": gateway["id"],
                "organisation": partner.trust_domain,
                "spiffe_id": gateway["spiffe_id"],
                "endpoints": [{name: gateway["ingress"][name] for name in ("host", "port")}],
            }
            await own.post("/federation/nodes", node)


async def _passes(running: Pair) -> bool:
    url = f"http://127.0.0.1:{running.novgorod.sites[0].egress}/"
    headers = {"host": f"{RESOURCE}.{running.luebeck.trust_domain}"}
    async with aiohttp.ClientSession(timeout=WITHIN) as session:
        try:
            async with session.get(url, headers=headers) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False  # its listener is just being made


async def _watch(organisations: tuple[Organisation, ...], load: Load, done: asyncio.Event) -> None:
    while not done.is_set():
        for organisation in organisations:
            load.serials.setdefault(organisation.name, set()).add(serial(organisation))
        await asyncio.sleep(0.1)


def serial(organisation: Organisation) -> str:
    """The serial number of the certificate that the organisation's gateway has now."""
    path = organisation.state_dir / "gateway" / organisation.sites[0].gateway_id / "sds" / "own.json"
    own = json.loads(path.read_text())["resources"][0]["tls_certificate"]
    return serial_hex(load_chain(own["certificate_chain"]["inline_string"])[0].serial_number)


async def handshakes(organisation: Organisation) -> int:
    """How many TLS handshakes the gateway's ingress has completed."""
    return await organisation.stat(r"listener\..*ssl\.handshake$")


async def change_anchors(own: Organisation, partner: Organisation, *, within: float = 60) -> None:
    """Take ``own`` through a change of anchors from start to end; operators speak for the gateways."""
    await own.post("/federation/rotation", {})
    await take_over(partner, own)
    confirmed: set[str] = set()

    async def goes_on() -> bool:
        state = await own.get("/federation/rotation")
        phase = state["phase"]
        waits = any(one["name"] == partner.trust_domain for one in state["waiting"])
        if waits and phase in {"announced", "acknowledged"} - confirmed:
            confirmed.add(phase)
            await own.post("/federation/rotation/confirm", {"name": partner.trust_domain})
        return not phase

    await eventually("the change of anchors to end", goes_on, within=within)
    await take_over(partner, own)
