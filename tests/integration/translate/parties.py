"""Two organisations on one machine: Envoys with what the federator publishes, and a service behind one."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import ClientSession, TCPConnector, WSMsgType, web

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability, Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.tuning import Tuning
from control_plane.reconcile.federator import Federator
from tests.golden.world import items
from tests.integration.translate.certificates import Authority
from tests.integration.translate.envoy import Envoy, running
from tests.integration.translate.static import bootstrap, with_bare_listener

CALLER = TrustDomain("caller.example")
SERVER = TrustDomain("server.example")
OTHER = TrustDomain("other.example")  # offers the same, where a test asks for it
UNLIMITED = 1_000_000_000  # requests an hour
BACKLOG = 4_096  # connections that the service has not accepted yet
SECOND_ID = SpiffeId(f"spiffe://{CALLER}/gateway/gw-2")
CALLER_ID = SpiffeId(f"spiffe://{CALLER}/gateway/gw")
ANY = Endpoint("127.0.0.1", 1)  # replaced by a free port when Envoy starts


@dataclass
class Parties:
    """A caller's Envoy, the servers' Envoys, and what is needed to be somebody else."""

    caller: Envoy
    servers: list[Envoy]
    service: "Service"
    caller_authority: Authority
    server_authority: Authority
    session: ClientSession
    others: list[Envoy] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        """At the caller's egress."""
        return f"http://127.0.0.1:{self.caller.ports['egress']}{path}"

    async def get(
        self, path: str = "/", *, host: str = "orders.server.example", **headers: str
    ) -> tuple[int, str]:
        """Status and body of a request through the egress."""
        async with self.session.get(self.url(path), headers={"Host": host, **headers}) as answer:
            return answer.status, await answer.text()


@dataclass
class Service:
    """The service behind the ingress: it repeats what it was sent, or fails when told to."""

    status: int = 200
    seen: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A plain answer, a stream of events, or a WebSocket that echoes."""
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        if request.path == "/socket":
            return await _echo(request)
        if request.path == "/events":
            return await _events(request)
        return web.Response(status=self.status, text=request.path_qs)


async def _echo(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for number in range(3):
        await response.write(f"data: {number}\n\n".encode())
        await asyncio.sleep(0.4)
    return response


@dataclass(frozen=True)
class Cast:
    """Who else takes part.

    The other organisation has ``others`` nodes. ``more`` is what the caller has beside nodes and resources,
    ``served`` what servers have beside theirs,
    ``rate`` how many requests an hour it may send; each server thinks that it is one of ``gateways``. With
    ``bare`` the caller has a listener of that name, which sends everything to ``orders`` without a look-up.
    ``own`` are resources that the caller offers itself, from upstreams at these ports.
    """

    others: int = 0
    more: Sequence[Value] = ()
    served: Sequence[Value] = ()
    rate: int = UNLIMITED
    gateways: int = 1
    bare: bool = False
    own: Mapping[str, Sequence[int]] = field(default_factory=dict)


@asynccontextmanager
async def parties(tuning: Tuning, *, servers: int = 1, cast: Cast = Cast()) -> AsyncIterator[Parties]:
    """All of it, running; the server organisation has ``servers`` nodes."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="px-")))
        service = Service()
        service.port = await stack.enter_async_context(serving(service))
        ours, theirs = Authority(CALLER), Authority(SERVER)
        rest = Authority(OTHER)
        values, envoys = [*cast.more, *_own(cast.own)], {}
        for authority, count in ((theirs, servers), (rest, cast.others)):
            own = authority.trust_domain
            served = [*_served(own, service.port, ours, cast.rate), *cast.served]
            served += [_sibling(own, number) for number in range(1, cast.gateways)]
            envoys[own] = [
                await stack.enter_async_context(
                    _gateway(directory / f"{own}-{n}", authority, _text(authority, served, tuning, f"gw-{n}"))
                )
                for n in range(count)
            ]
            if count:
                values += _called([envoy.ports["ingress"] for envoy in envoys[own]], authority)
        text = _text(ours, values, tuning, "gw")
        text = with_bare_listener(text) if cast.bare else text
        caller = await stack.enter_async_context(_gateway(directory / "caller", ours, text))
        session = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        yield Parties(caller, envoys[SERVER], service, ours, theirs, session, envoys[OTHER])


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        # A burst must wait for us, and not be turned away: that would be a failure of the node that sends it.
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _text(authority: Authority, values: list[Value], tuning: Tuning, name: str) -> str:
    """What the gateway ``name`` of that organisation starts with."""
    own = authority.trust_domain
    gateway = Gateway(
        ObjectId(name), SpiffeId(f"spiffe://{own}/gateway/{name}"), ANY, Endpoint("127.0.0.1", 2)
    )
    publication = Federator(own, tuning).apply(Change(1, items([gateway, *values])))
    return bootstrap(publication.upserts, admin="admin.sock", free_ports=True)


@asynccontextmanager
async def _gateway(directory: Path, authority: Authority, text: str) -> AsyncIterator[Envoy]:
    name = "gw" if directory.name == "caller" else f"gw-{directory.name.rpartition('-')[2]}"
    authority.leaf(f"spiffe://{authority.trust_domain}/gateway/{name}").write(directory / "sds")
    async with running(directory, text) as envoy:
        yield envoy


def _sibling(own: TrustDomain, number: int) -> Gateway:
    """Another gateway of the same organisation, which is only counted."""
    identity = SpiffeId(f"spiffe://{own}/gateway/sibling-{number}")
    return Gateway(ObjectId(f"sibling-{number}"), identity, ANY, Endpoint("127.0.0.1", 2))


def _served(own: TrustDomain, port: int, callers: Authority, rate: int) -> list[Value]:
    """At the server: who may call what. ``secret`` is granted to nobody, ``items`` in part."""
    upstreams = (Endpoint("127.0.0.1", port),)
    partly = (Capability(("GET",), "/items"), Capability(("POST",), "/orders/"))
    return [
        Agreement(CALLER, AgreementState.TRUSTED),
        Bundle(CALLER, (callers.anchor,)),
        Node(ObjectId("gw"), CALLER, CALLER_ID, (ANY,), rate_limit_per_hour=rate),
        Node(ObjectId("gw-2"), CALLER, SECOND_ID, (replace(ANY, port=2),), rate_limit_per_hour=rate),
        *(Resource(ResourceName(name), own, upstreams=upstreams) for name in ("orders", "items", "secret")),
        Resource(ResourceName("tools"), own, ResourceKind.MCP, upstreams=upstreams),
        Grant(ObjectId("tools-x"), ResourceName("tools"), CALLER_ID, (Capability(tools=("x", "x_2")),)),
        Grant(ObjectId("tools-all"), ResourceName("tools"), CALLER_ID, shadow=True),
        Grant(ObjectId("orders-all"), ResourceName("orders"), CALLER),
        Grant(ObjectId("items-part"), ResourceName("items"), CALLER_ID, partly),
    ]


def _own(offered: Mapping[str, Sequence[int]]) -> list[Value]:
    """At the caller: what it offers itself, to nobody."""
    return [
        Resource(
            ResourceName(name),
            CALLER,
            upstreams=tuple(Endpoint("127.0.0.1", port, priority=n) for n, port in enumerate(ports)),
        )
        for name, ports in offered.items()
    ]


def _called(ports: Sequence[int], servers: Authority) -> list[Value]:
    """At the caller: the server's nodes and resources."""
    own = servers.trust_domain
    nodes = [
        Node(
            ObjectId(f"node-{n}"),
            own,
            SpiffeId(f"spiffe://{own}/gateway/gw-{n}"),
            (Endpoint("127.0.0.1", port),),
        )
        for n, port in enumerate(ports)
    ]
    return [
        Agreement(own, AgreementState.TRUSTED),
        Bundle(own, (servers.anchor,)),
        *nodes,
        *(Resource(ResourceName(name), own) for name in ("orders", "items", "secret")),
        Resource(ResourceName("tools"), own, ResourceKind.MCP),
    ]
