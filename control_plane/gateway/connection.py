"""The agent's side of the connection to the control plane: unary methods with bytes in and out."""

import grpc
import grpc.aio

from control_plane.ports.errors import UnavailableError

_SERVICE = "/proxenia.gateway.v1.Agent/"
_MAX_MESSAGE = 4 << 20  # bytes
_TIMEOUT = 10.0  # seconds for one call

_REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
}


class RefusedError(Exception):
    """The control plane understood, and does not want this; the same again would not help."""


class Connection:
    """One channel that finds its own way back when the control plane returns."""

    def __init__(self, target: str) -> None:
        self.target = target
        options = [
            # A socket that vanished is tried again soon: Envoy's rows wait on the disk meanwhile.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 1000),  # also the time that one attempt may take
            ("grpc.max_reconnect_backoff_ms", 2000),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.enable_http_proxy", 0),  # the control plane is ours, never behind the machine's web proxy
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._channel = grpc.aio.insecure_channel(target, options=options)

    async def call(self, method: str, request: bytes, *, within: float = _TIMEOUT) -> bytes:
        """Ask; UnavailableError when it may work later, RefusedError when it will not."""
        ask = self._channel.unary_unary(_SERVICE + method)
        try:
            answer: bytes = await ask(request, timeout=within)
        except grpc.aio.AioRpcError as error:
            text = f"{method}: {error.code().name} {error.details()}"
            if error.code() in _REFUSALS:
                raise RefusedError(text) from error
            raise UnavailableError(text) from error
        return answer

    async def close(self) -> None:
        """End the channel; calls in flight fail."""
        await self._channel.close()
