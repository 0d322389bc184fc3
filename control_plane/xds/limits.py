"""What one gateway, or all of them, may take of the server."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults fit 4,000 gateways and 10,000 clusters."""

    streams: int = 4_096  # calls of all kinds at one time
    streams_of_connection: int = 64
    request_bytes: int = 64 * MIB  # 10,000 long names with their versions are over grpc's default of 4 MiB
    unary_bytes: int = 4 * MIB + 64 * 1024  # a batch of 4 MiB and its header
    unary_seconds: float = 30.0
    first_seconds: float = 10.0  # from the connection to the first message
    write_seconds: float = 60.0  # Envoy applies 10,000 clusters in 10 s, during which it reads nothing
    burst: float = 10_000.0  # requests that answer nothing we sent, at once …
    rate: float = 1_000.0  # … and each second; above it a stream is read more slowly
