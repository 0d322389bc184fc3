"""Every limit and delay of the generated Envoy configuration, as a named setting with a safe default."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.model.identity import shown
from control_plane.model.node import MAX_TEXT, Endpoint, check_text
from control_plane.model.problem import InvalidValueError

_DAY = 86_400
_NUMBERS: dict[str, tuple[float, float]] = {
    "circuit_failures": (1, 1_000),
    "circuit_interval": (0.1, 60),
    "circuit_open": (0.1, _DAY),
    "circuit_open_max": (0.1, _DAY),
    "connect_timeout": (0.05, 60),
    "handshake_timeout": (0.1, 60),
    "request_headers_timeout": (0.1, 300),
    "request_timeout": (0.05, _DAY),
    "stream_idle_timeout": (1, _DAY),
    "max_connection_duration": (1, _DAY),
    "drain_timeout": (0, 600),
    "keepalive_interval": (0.1, 300),
    "keepalive_timeout": (0.1, 60),
    "fetch_timeout": (0.1, 60),
    "retries": (0, 10),
    "retry_budget_percent": (0, 100),
    "retry_concurrency": (1, 100_000),
    "max_connections": (1, 1_000_000),
    "max_pending_requests": (1, 1_000_000),
    "max_requests": (1, 10_000_000),
    "max_streams": (1, 100_000),
    "mcp_body_bytes": (1_024, 10_485_760),
    "slow_start": (0, 3_600),
    "burst": (1, 1_000_000),
    "check_interval": (0, 3_600),
    "on_demand_timeout": (0.1, 60),
    "traces_percent": (0, 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Times are seconds; sizes are counts. Paths are relative to Envoy's working directory."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    # The circuit to one node: so many failures in a row open it, for ``open`` x openings, at most ``max``.
    circuit_failures: int = 5
    circuit_interval: float = 1.0  # how often Envoy looks whether a circuit may close again
    circuit_open: float = 30.0
    circuit_open_max: float = 300.0

    connect_timeout: float = 1.0
    handshake_timeout: float = 10.0  # a caller's TLS handshake at our ingress
    request_headers_timeout: float = 10.0  # until a caller has sent its headers
    request_timeout: float = 60.0  # until a whole answer is there; streams (gRPC, events) have none
    stream_idle_timeout: float = 300.0  # without a byte in either direction
    max_connection_duration: float = 600.0  # connections are renewed, so that what changed is seen by all
    drain_timeout: float = 5.0
    keepalive_interval: float = 5.0  # HTTP/2 pings: a partner's machine that vanished is noticed
    keepalive_timeout: float = 3.0
    fetch_timeout: float = 5.0  # how long one cluster may wait for its endpoints and trust

    retries: int = 3
    # Half of all requests may be retries at a time: of two nodes one can die. So many
    # always may: all that wait for a node when it dies fail together, and none of them has reached it.
    retry_budget_percent: int = 50
    retry_concurrency: int = 500

    slow_start: float = 10.0  # until a node that joined or came back has its whole share
    zone: str = ""  # where we are: nodes whose metadata says the same zone are asked first

    # Gateways get partners' resources at the first request instead of all of them at the start.
    on_demand: bool = False
    on_demand_timeout: float = 2.0  # how long that first request waits for them

    # Seconds between two checks of each node for each resource; 0: what requests tell is enough. With checks
    # a node gets its first request only after its first check.
    check_interval: float = 0.0

    # Requests that a partner's node may send at once, beside those that its limit an hour brings.
    burst: int = 50
    limits_enforced: bool = True  # False: who would be over its limit is only counted

    max_connections: int = 1_024  # of one gateway to one resource
    max_pending_requests: int = 1_024
    max_requests: int = 8_192
    max_streams: int = 100  # concurrent requests on one HTTP/2 connection
    mcp_body_bytes: int = 65_536  # of a message to an MCP resource, which is read whole before it is judged

    # Where spans go (OTLP over gRPC); None: there are none. Of requests that come without a traceparent, so
    # many in a hundred are traced.
    traces: Endpoint | None = None
    traces_percent: float = 1.0

    # Whether the access log has query strings; the control plane keeps keyed hashes of them.
    query_strings: bool = False

    access_log: str = "log/access.jsonl"
    listener_log: str = "log/listener.jsonl"
    check_log: str = "log/health.jsonl"
    own_certificate: str = "sds/own.json"  # the agent's SDS file; Envoy watches its directory

    def __post_init__(self) -> None:
        for name, (low, high) in _NUMBERS.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also refuses NaN
                raise InvalidValueError("bad_tuning", f"expected {name} from {low} to {high}, got {value}")
        check_text("a zone", self.zone)
        if self.circuit_open_max < self.circuit_open:
            raise InvalidValueError(
                "bad_tuning",
                f"expected circuit_open_max from circuit_open ({self.circuit_open}),"
                f" got {self.circuit_open_max}",
            )
        for path in (self.access_log, self.listener_log, self.check_log, self.own_certificate):
            _check_path(path)


def _check_path(path: str) -> None:
    """A file in a folder of Envoy's working directory; never one elsewhere."""
    parts = path.split("/")
    if len(path) > MAX_TEXT or not path.isprintable() or len(parts) < 2 or {"", ".", ".."} & set(parts):  # noqa: PLR2004 - folder and file
        raise InvalidValueError(
            "bad_tuning", f"expected a relative path such as log/a.jsonl, got {shown(path)}"
        )
