"""Keeps a gateway's configuration on its disk, and serves it while there is no control plane.

It follows the control plane as the gateway's Envoy does, on a stream of its own, and writes down what it is
told before it acknowledges. When the control plane has been away for a while, it stands in for it on a socket
that Envoy knows: an Envoy that is started then has its listeners. Versions are those of the control plane, so
whoever goes from one to the other is sent only what differs.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio
import structlog
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.ports.kept import KeptLog
from control_plane.ports.publisher import Publication
from control_plane.xds.board import Board
from control_plane.xds.gateways import Gateways, Unheard
from control_plane.xds.identity import Admission
from control_plane.xds.kept import TYPES, Kept, frame
from control_plane.xds.listen import Listen, ListenError
from control_plane.xds.server import KEEP, Rules, Server
from control_plane.xds.subscription import ALL

FIRST_PATIENCE = 2.0  # seconds without a control plane before standing in: Envoy may wait for its listeners
PATIENCE = 10.0  # the same once it was there: Envoy has what it needs, and a restart takes less
BEHIND = 0.25  # seconds: of one processor's time Envoy, which carries the traffic, gets the first share
PAUSE = 1.0  # seconds between attempts to reach the control plane
COMPACT = 1 << 20  # bytes that a log grows at least before it is written anew
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 5_000),  # a control plane that hangs is one that is away
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Keeper:
    """``run`` is a task of its owner. ``target`` is the control plane's; ``socket`` where to stand in."""

    gateway: ObjectId
    trust_domain: TrustDomain
    target: str
    socket: Path
    store: KeptLog
    first_patience: float = FIRST_PATIENCE
    patience: float = PATIENCE
    _kept: Kept = field(default_factory=Kept)
    _present: asyncio.Event = field(default_factory=asyncio.Event)
    _absent: asyncio.Event = field(default_factory=asyncio.Event)
    _size: int = 0  # of the log when it was last written anew
    _grown: int = 0  # since then

    async def run(self) -> None:
        """Follow and stand in until cancelled; neither ends because the other cannot do its work."""
        self._absent.set()
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(), name="keep")
            group.create_task(self._stand_in(), name="stand in")

    async def _load(self) -> None:
        try:
            data = await asyncio.to_thread(self.store.read)
            self._kept = Kept.replay(data)
        except (OSError, ValueError) as error:
            _log.warning("kept_configuration_unreadable", reason=str(error), next_step="it is written anew")

    async def _follow(self) -> None:
        async with grpc.aio.insecure_channel(self.target, options=_OPTIONS) as channel:
            while True:
                try:
                    await self._one_stream(channel)
                except grpc.aio.AioRpcError as error:
                    _log.debug("not_kept", reason=f"{error.code().name} {error.details()}")
                except asyncio.InvalidStateError as error:  # it ended after the message we answer
                    _log.debug("not_kept", reason=str(error))
                except (OSError, ValueError) as error:
                    _log.warning("not_kept", reason=str(error))
                finally:
                    self._present.clear()
                    self._absent.set()
                await asyncio.sleep(PAUSE)

    async def _one_stream(self, channel: grpc.aio.Channel) -> None:
        call = channel.stream_stream(KEEP)()
        try:
            for type_url in TYPES:
                await call.write(self._question(type_url).SerializeToString())
            unanswered, rested = set(TYPES), 0.0
            clock = asyncio.get_running_loop().time
            while (data := await call.read()) is not grpc.aio.EOF:
                if self._present.is_set() and clock() - rested > BEHIND:
                    await asyncio.sleep(BEHIND)
                    rested = clock()
                message = DeltaDiscoveryResponse.FromString(data)
                if self._kept.take(message):
                    await self._write(data)
                unanswered.discard(message.type_url)
                if not unanswered and not self._present.is_set():
                    self._absent.clear()
                    self._present.set()
                answer = DeltaDiscoveryRequest(type_url=message.type_url, response_nonce=message.nonce)
                await call.write(answer.SerializeToString())
        finally:
            call.cancel()

    def _question(self, type_url: str) -> DeltaDiscoveryRequest:
        request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=[ALL])
        request.node.id = self.gateway
        request.initial_resource_versions.update(self._kept.versions(type_url))
        return request

    async def _write(self, data: bytes) -> None:
        """Before the acknowledgement: what is taken back must not come again from the disk."""
        added = frame(data)
        self._grown += len(added)
        if self._size and self._grown < max(COMPACT, self._size):
            await asyncio.to_thread(self.store.append, added)
            return
        whole = self._kept.log()
        self._size, self._grown = len(whole), 0
        await asyncio.to_thread(self.store.replace, whole)

    async def _stand_in(self) -> None:
        patience, task = self.first_patience, asyncio.current_task()
        # Asked each time: a cancellation that comes as grpc's server ends is taken there and not passed on.
        while task is None or not task.cancelling():
            await self._absent.wait()
            try:
                async with asyncio.timeout(patience):
                    await self._present.wait()
            except TimeoutError:
                await self._serve()
            patience = self.patience

    async def _serve(self) -> None:
        """Until the control plane is there."""
        resources = self._kept.resources()
        if not resources:
            _log.warning("nothing_kept", next_step="the gateway's Envoy has no listeners until it connects")
            await self._present.wait()
            return
        board = Board()
        board.publish(Publication(self._kept.before()))  # for an Envoy that refuses what came then
        board.publish(Publication(resources))
        board.open()
        admission = Admission(self.trust_domain, lambda _caller, gateway: gateway == self.gateway)
        gateways = Gateways(Unheard(), replica="kept")
        server = Server(board, gateways, listen=Listen(self.socket), rules=Rules(admission))
        try:
            await server.start()
        except ListenError as error:
            _log.error("not_standing_in", reason=str(error))
            await self._present.wait()
            return
        _log.warning("standing_in", resources=len(resources))
        try:
            await self._present.wait()
        finally:
            await server.stop(grace=0.2)
        _log.info("control_plane_is_back")
