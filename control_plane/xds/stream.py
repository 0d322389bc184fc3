"""One gateway's stream on the wire: one task reads, one writes, and each end of it is somebody's decision."""

import asyncio
import time
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import structlog
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from google.protobuf.message import DecodeError

from control_plane.model.delivery import Delivery, Difference
from control_plane.xds.board import Board
from control_plane.xds.channel import BehindError
from control_plane.xds.gateways import Gateways
from control_plane.xds.limits import Limits
from control_plane.xds.order import PARENT
from control_plane.xds.refusals import clean
from control_plane.xds.session import Doubts, Session
from control_plane.xds.subscription import ProtocolError, Subscription

READ_PAUSE = 0.1  # seconds that a stream above its rate is not read

_log = structlog.get_logger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class StreamEnd(Exception):  # noqa: N818 - it ends a stream, which is no error as such
    """Why a stream ends, for its other end to read."""

    def __init__(self, code: grpc.StatusCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse(data: bytes) -> DeltaDiscoveryRequest:
    """Read one message; ends the stream when it is none."""
    try:
        return DeltaDiscoveryRequest.FromString(data)
    except DecodeError as error:
        raise StreamEnd(grpc.StatusCode.INVALID_ARGUMENT, "expected a DeltaDiscoveryRequest") from error


class Allowance:
    """How many messages that answer nothing one stream may send: a burst, then a rate."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._left = limits.burst
        self._at = now

    def take(self, now: float) -> bool:
        """Spend one; False when there was none left."""
        earned = (now - self._at) * self._limits.rate
        self._left = min(self._limits.burst, self._left + earned) - 1
        self._at = now
        return self._left >= 0


@dataclass(frozen=True, slots=True)
class Place:
    """What all streams of a server share."""

    board: Board
    gateways: Gateways
    limits: Limits
    # Streams of those that use what they take; None: these are theirs. Whoever only keeps it keeps what is
    # used, and what it says of a version does not count.
    followed: Gateways | None = None


class Stream:
    """Moves one session. Owned by the grpc handler that runs it."""

    def __init__(self, gateway: str, place: Place, *, context: Context, first: DeltaDiscoveryRequest) -> None:
        self.gateway = gateway
        self._first: DeltaDiscoveryRequest | None = first
        self._board = place.board
        self._gateways = place.gateways
        self._limits = place.limits
        self._context = context
        self._session = Session(place.board.view(gateway, tries=place.followed is None))
        self._followed = place.followed
        self._included: tuple[Subscription | None, int] = (None, 0)
        self._waiter: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._ending: StreamEnd | None = None
        self._writing_since: float | None = None
        self._noted = False  # the states to be written down

    def deliveries(self) -> tuple[Delivery, ...]:
        """What came of everything sent (gateways.Connected)."""
        self._noted = False
        return self._session.deliveries()

    def doubts(self) -> Doubts:
        """What the gateway may have applied and will not list (gateways.Connected)."""
        return self._session.doubts()

    def differences(self) -> tuple[Difference, ...]:
        """How far each resource got (gateways.Connected)."""
        return self._session.differences()

    def wished(self) -> Subscription | None:
        """What clusters the gateway asks for (gateways.Connected)."""
        return self._session.wished

    def replace(self) -> None:
        """End in favour of another stream of this gateway (gateways.Connected)."""
        self.end(StreamEnd(grpc.StatusCode.ABORTED, f"another stream of gateway {self.gateway} took over"))

    def end(self, ending: StreamEnd) -> None:
        """End from outside, also when a write is stuck."""
        if self._ending is None and self._writer is not None:
            self._ending = ending
            self._writer.cancel()

    def stuck(self, now: float) -> bool:
        """Whether the other end has not read for too long."""
        return self._writing_since is not None and now - self._writing_since > self._limits.write_seconds

    def wake(self) -> None:
        """Look again whether there is something to send."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def run(self) -> None:
        """Serve until the gateway leaves; raises StreamEnd when it is not the gateway that ends it."""
        ending: BaseException | None = None
        # Apart from the first message: a status cannot be sent while both are stuck in one operation.
        await self._context.send_initial_metadata(())
        self._board.watch(self.gateway, self.wake)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._writer = tasks.create_task(self._write(), name=f"ads-write-{self.gateway}")
                tasks.create_task(self._read(), name=f"ads-read-{self.gateway}")
                self._session.doubt(self._gateways.enter(self.gateway, self))  # before anything was read
        except* StreamEnd as ended:
            ending = ended.exceptions[0]
        finally:
            self._board.unwatch(self.gateway, self.wake)
            self._gateways.leave(self.gateway, self)
        if ending is not None:
            raise ending

    async def _write(self) -> None:
        loop, poll, write = asyncio.get_running_loop(), self._session.poll, self._context.write
        try:
            while True:
                if self._followed is not None:
                    self._include(self._followed.wished(self.gateway))
                response = poll()
                if response is None:
                    self._waiter = loop.create_future()
                    await self._waiter
                    continue
                self._writing_since = loop.time()
                await write(response.data)
                self._writing_since = None
                self._note()
        except BehindError as error:
            raise StreamEnd(grpc.StatusCode.UNAVAILABLE, "too far behind; begin a new stream") from error
        except asyncio.CancelledError:
            if self._ending is None:
                raise
            raise self._ending from None

    def _include(self, wished: Subscription | None) -> None:
        """Ask for what the gateway's Envoy asked for on demand."""
        if wished is None or self._included == (wished, wished.changes):
            return
        if self._session.include(wished):
            self._included = (wished, wished.changes)

    async def _read(self) -> None:
        allowance = Allowance(self._limits, time.monotonic())
        read, on_ack = self._context.read, self._session.on_ack
        answered = self._take_first()
        while True:
            if self._session.restless:
                self.wake()
            self._note()
            if not answered and not allowance.take(time.monotonic()):
                await asyncio.sleep(READ_PAUSE)
            data = await read()
            if data is grpc.aio.EOF:
                break
            answered = on_ack(data) or self._take(parse(data))
            data = b""  # a reconnect's is megabytes, and the next may be hours away
        if self._writer is not None:
            self._writer.cancel()

    def _take_first(self) -> bool:
        first, self._first = self._first, None
        return first is None or self._take(first)

    def _note(self) -> None:
        if not self._noted:
            self._noted = True
            self._gateways.touch(self.gateway)

    def _take(self, request: DeltaDiscoveryRequest) -> bool:
        try:
            answered = self._session.on_request(request, now=time.time())
        except ProtocolError as error:
            raise StreamEnd(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        if request.resource_names_subscribe and request.type_url == PARENT:
            self._board.nudge(self.gateway)
        if answered and request.HasField("error_detail"):
            _log.warning(
                "gateway refused a response",
                gateway=self.gateway,
                type_url=request.type_url[:200],
                nonce=request.response_nonce[:20],
                detail=clean(request.error_detail.message),
            )
        return answered
