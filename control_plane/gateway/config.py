"""What an agent has to know before it starts, and where it keeps its files."""

import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain, shown
from control_plane.model.node import MAX_PORT, Endpoint

STREAMS = ("access", "listener", "outlier", "health")  # the logs that Envoy writes and the agent ships

_MAX_SOCKET_PATH = 107  # bytes: sun_path of Linux without its final NUL
_MAX_DRAIN = 3600.0  # seconds


class AgentError(Exception):
    """The agent cannot do its work; the text says what was expected, what was found, and the next step."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Where the control plane listens: ``path`` of a unix socket, or ``host`` and ``port`` (mutual TLS)."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> "ControlPlane":
        """Read ``unix:/path``, ``host:port`` or ``[v6]:port``; AgentError when it is none of them."""
        if text.startswith("unix:"):
            path = Path(text.removeprefix("unix:").removeprefix("//")).absolute()
            _check_socket_path(path)
            return cls(path=path)
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= MAX_PORT:
            raise AgentError(
                f"expected the control plane as unix:/path or host:port (port 1 to 65535), got {shown(text)}"
            )
        return cls(host=host, port=int(port))

    @property
    def is_named(self) -> bool:
        """Whether ``host`` is a name that has to be resolved rather than an address."""
        try:
            ip_address(self.host)
        except ValueError:
            return bool(self.host)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """One gateway of ours. ``directory``, which it shares with nobody, becomes Envoy's working directory."""

    gateway_id: ObjectId
    trust_domain: TrustDomain
    directory: Path
    control_plane: str  # unix:/path, or host:port with mutual TLS
    ingress: Endpoint  # where partners reach us
    egress: Endpoint  # where our applications reach partners
    envoy: Path | None = None  # None: the installed wheel, then PATH
    drain_seconds: float = 5.0  # how long requests in flight may take when the agent is told to stop
    concurrency: int = 0  # Envoy's worker threads; 0: one for each processor
    max_connections: int = 20_000  # open downstream connections; more are refused
    max_heap_bytes: int = 4 << 30  # near it Envoy frees memory, then refuses requests
    renew_seconds: float = 0.0  # how often to renew the certificate; 0: at half of its life
    metrics: Endpoint | None = None  # where Envoy's metrics can be read; None: nowhere
    handed_key: Path | None = None  # a key (PEM) that was handed in; None: a new one for each certificate
    rotate_bytes: int = 64 << 20  # a log file that has grown beyond it is continued in a new one
    spool_bytes: int = 4 << 30  # of logs that wait to be shipped; then what ``spool_full`` says
    spool_full: str = "gap"  # or "block"

    def __post_init__(self) -> None:
        if not 0 <= self.drain_seconds <= _MAX_DRAIN:
            raise AgentError(f"expected 0 to {_MAX_DRAIN:.0f} drain seconds, got {shown(self.drain_seconds)}")
        if (
            self.concurrency < 0
            or self.max_connections < 1
            or self.max_heap_bytes < 1
            or self.rotate_bytes < 1
            or self.spool_bytes < 1
        ):
            raise AgentError("expected positive limits (concurrency may be 0), got one below")
        if self.spool_full not in {"gap", "block"}:
            raise AgentError(f"expected gap or block for a full spool, got {shown(self.spool_full)}")
        _check_socket_path(self.files.admin_socket)
        _check_socket_path(self.files.relay_socket)
        ControlPlane.parse(self.control_plane)

    @property
    def files(self) -> "Files":
        """Where everything of this gateway is kept."""
        return Files(self.directory)

    @property
    def target(self) -> ControlPlane:
        """The control plane's address, read."""
        return ControlPlane.parse(self.control_plane)

    @property
    def spiffe_id(self) -> SpiffeId:
        """The identity that this gateway's certificate carries."""
        return SpiffeId(f"spiffe://{self.trust_domain}/gateway/{self.gateway_id}")

    @property
    def control_plane_id(self) -> SpiffeId:
        """The identity that the control plane has to prove over TCP."""
        return SpiffeId(f"spiffe://{self.trust_domain}/control-plane")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one gateway. Envoy knows them by their path relative to ``directory``."""

    directory: Path

    @property
    def secrets(self) -> Path:
        """The directory that Envoy watches for renewed certificates."""
        return self.directory / "sds"

    @property
    def own(self) -> Path:
        """Key and certificate chain, as Envoy's file secret ``own``."""
        return self.secrets / "own.json"

    @property
    def anchors(self) -> Path:
        """Our own anchors and the control plane's identity, as Envoy's secret ``control-plane``."""
        return self.secrets / "control-plane.json"

    @property
    def pending(self) -> Path:
        """Key and request that wait for their certificate."""
        return self.directory / "request.json"

    @property
    def logs(self) -> Path:
        """Where Envoy writes."""
        return self.directory / "log"

    @property
    def envoy_output(self) -> Path:
        """What Envoy says about itself."""
        return self.logs / "envoy.log"

    @property
    def run(self) -> Path:
        """Sockets and the lock."""
        return self.directory / "run"

    @property
    def admin_socket(self) -> Path:
        """Envoy's admin interface."""
        return self.run / "admin.sock"

    @property
    def relay_socket(self) -> Path:
        """The agent's own way to a control plane over TCP."""
        return self.run / "relay.sock"

    @property
    def kept_socket(self) -> Path:
        """Where the agent serves what it kept, while there is no control plane."""
        return self.run / "kept.sock"

    @property
    def kept(self) -> Path:
        """What Envoy was last told."""
        return self.directory / "kept.log"

    @property
    def lock(self) -> Path:
        """Held by the one agent of this directory."""
        return self.run / "agent.lock"

    @property
    def bootstrap(self) -> Path:
        """What Envoy was started with."""
        return self.directory / "bootstrap.json"

    @property
    def checkpoints(self) -> Path:
        """How far the logs were shipped."""
        return self.directory / "agent.json"


def _check_socket_path(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > _MAX_SOCKET_PATH:
        raise AgentError(
            f"expected a socket path of at most {_MAX_SOCKET_PATH} bytes, got {length} ({path}):"
            " choose a shorter state directory"
        )
