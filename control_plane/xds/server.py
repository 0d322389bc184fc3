"""The grpc server for gateways: delta ADS, and the methods that other parts of the control plane hand in.

Bytes go in and out of generic handlers, so that what was serialised once is not serialised again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import grpc
import structlog

from control_plane.model.problem import InvalidValueError
from control_plane.ports.caller import UnaryHandler
from control_plane.ports.errors import ForbiddenError, UnavailableError
from control_plane.xds.board import Board
from control_plane.xds.gateways import Gateways, Unheard
from control_plane.xds.identity import Admission, caller_of
from control_plane.xds.limits import Limits
from control_plane.xds.listen import Listen, open_tcp, open_unix
from control_plane.xds.stream import Context, Place, Stream, StreamEnd, parse
from control_plane.xds.unary import Refused, told_nobody, unary

ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
KEEP = "/proxenia.gateway.v1.Agent/Keep"
"""The same for an agent that keeps what its gateway is told: it is no gateway, and replaces none."""
ABORT_SECONDS = 2.0  # for telling the other end why; one that does not read is not waited for
SWEEP_SECONDS = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may come, what else than ADS is served (by full method name), and how much."""

    admission: Admission
    services: Mapping[str, UnaryHandler] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    refused: Refused = told_nobody


class Server:
    """Serves gateways from ``start`` to ``stop``; raises ListenError from ``start``."""

    def __init__(self, board: Board, gateways: Gateways, *, listen: Listen, rules: Rules) -> None:
        self.port = 0  # of TCP, once started
        self._listen = listen
        self._rules = rules
        self._gateways = gateways
        self._place = Place(board, gateways, rules.limits)
        # For those who keep:
        self._aside = Place(board, Gateways(Unheard(), replica=""), rules.limits, followed=gateways)
        self._streams: set[Stream] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen and serve; streams wait for answers until the board is open."""
        server = grpc.aio.server(
            options=_options(self._rules.limits), maximum_concurrent_rpcs=self._rules.limits.streams
        )
        server.add_generic_rpc_handlers((_Routes(self._methods()),))
        if self._listen.unix is not None:
            open_unix(server, self._listen.unix)
        if self._listen.tcp and self._listen.credentials is not None:
            self.port = open_tcp(server, self._listen.tcp, self._listen.credentials)
        await server.start()
        self._server = server
        self._tasks = [
            asyncio.create_task(self._gateways.run(), name="xds-deliveries"),
            asyncio.create_task(self._sweep(), name="xds-sweep"),
        ]

    async def stop(self, grace: float = 2.0) -> None:
        """Tell every gateway to go elsewhere, write down what is known of them, and close."""
        self._stopping = True
        for stream in self._streams:
            stream.end(StreamEnd(grpc.StatusCode.UNAVAILABLE, "the control plane stops"))
        if self._server is not None:
            await self._server.stop(grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        try:
            await self._gateways.save()
        except UnavailableError as error:
            _log.warning("deliveries not saved at the end", error=str(error))
        if self._server is not None and self._listen.unix is not None:  # otherwise it may be another's
            self._listen.unix.unlink(missing_ok=True)

    def _methods(self) -> dict[str, grpc.RpcMethodHandler]:
        rules = self._rules
        methods = {
            name: grpc.unary_unary_rpc_method_handler(unary(name, handler, rules.limits, rules.refused))
            for name, handler in rules.services.items()
        }
        streams = {ADS: self._place, KEEP: self._aside}
        return methods | {
            name: grpc.stream_stream_rpc_method_handler(partial(self._delta, place))
            for name, place in streams.items()
        }

    async def _delta(self, place: Place, _requests: object, context: Context) -> None:
        """Serve one stream, and say why when it is not the gateway that ends it."""
        end = await self._until_end(place, context)
        if end is not None:
            _log.info("stream ended", peer=context.peer(), code=end.code.name, detail=end.detail)
            with suppress(TimeoutError):  # it hears the reason whenever it reads again
                async with asyncio.timeout(ABORT_SECONDS):
                    await context.abort(end.code, end.detail)

    async def _until_end(self, place: Place, context: Context) -> StreamEnd | None:
        try:
            await self._serve(place, context)
        except StreamEnd as end:
            return end
        except Exception:  # noqa: BLE001 - a defect of ours ends this stream only, and tells it nothing
            _log.exception("stream failed", peer=context.peer())
            return StreamEnd(grpc.StatusCode.INTERNAL, "internal error; the control plane's log says more")
        return None

    async def _serve(self, place: Place, context: Context) -> None:
        if self._stopping:
            raise StreamEnd(grpc.StatusCode.UNAVAILABLE, "the control plane stops")
        stream = await self._accept(place, context)
        if stream is None:
            return
        self._streams.add(stream)
        try:
            await stream.run()
        finally:
            self._streams.discard(stream)

    async def _accept(self, place: Place, context: Context) -> Stream | None:
        """Find out who calls; None when there was no first message."""
        try:
            caller = caller_of(context)
            async with asyncio.timeout(self._rules.limits.first_seconds):
                data = await context.read()
            if data is grpc.aio.EOF:
                return None
            first = parse(data)
            # Neither who may come nor what the gateway has is held against an unread world.
            await _opened(place.board)
            gateway = self._rules.admission.gateway(caller, first.node.id)
        except ForbiddenError as error:
            await self._rules.refused(context.peer(), str(error))
            raise StreamEnd(grpc.StatusCode.PERMISSION_DENIED, str(error)) from error
        except InvalidValueError as error:
            raise StreamEnd(grpc.StatusCode.INVALID_ARGUMENT, f"node id: {error.detail}") from error
        except TimeoutError as error:
            raise StreamEnd(grpc.StatusCode.DEADLINE_EXCEEDED, "no first message") from error
        return Stream(gateway, place, context=context, first=first)

    async def _sweep(self) -> None:
        """End streams that are not read by their other end."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for stream in [stream for stream in self._streams if stream.stuck(loop.time())]:
                stream.end(
                    StreamEnd(grpc.StatusCode.DEADLINE_EXCEEDED, "the gateway does not read its stream")
                )


async def _opened(board: Board) -> None:
    opened = asyncio.Event()
    board.watch("", opened.set)
    try:
        while not board.ready:
            await opened.wait()
            opened.clear()
    finally:
        board.unwatch("", opened.set)


class _Routes(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Finds methods by name; grpc answers UNIMPLEMENTED for others."""

    def __init__(self, methods: Mapping[str, grpc.RpcMethodHandler]) -> None:
        self._methods = methods

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Look up a call's method (grpc.GenericRpcHandler)."""
        return self._methods.get(handler_call_details.method)


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", limits.streams_of_connection),
        ("grpc.so_reuseport", 0),  # two servers must not share a port unnoticed
        # We ping to notice a gateway that vanished, and bear the 5 s pings of the gateways' bootstrap.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 2_000),
        ("grpc.http2.max_ping_strikes", 2),
    ]
