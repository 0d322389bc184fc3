"""The settings of discovery sources: DNS, mDNS, Consul, the file of nodes, plugins. Part of ``Settings``."""

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from control_plane.model.identity import ObjectId
from control_plane.model.node import MAX_PORT

_DOMAIN = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)
_MAX_DOMAIN = 200  # characters: instances have longer names
_INTERFACE = re.compile(r"[^\s/]{1,15}\Z")  # Linux: IFNAMSIZ
_DNS_PORT = 53
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")  # no slash: it is part of a path


def words(text: str) -> list[str]:
    """The parts of a list that is written with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_address(text: str) -> str:
    if not text:
        return text
    url = urlsplit(text)
    plain = not (url.username or url.password or url.path.strip("/") or url.query or url.fragment)
    if url.scheme not in {"http", "https"} or not url.hostname or not url.port or not plain:
        message = f"expected http://<host>:<port> or https://<host>:<port>, got {text[:80]!r}"
        raise ValueError(message)
    return text.rstrip("/")


def _check_name(text: str) -> str:
    if not _NAME.match(text):
        message = f"expected letters, digits, '.', '_', '-', got {text[:80]!r}"
        raise ValueError(message)
    return text


def _check_names(text: str) -> str:
    for part in words(text):
        _check_name(part)
    return text


def parse_server(text: str) -> tuple[str, int]:
    """``<IP>``, ``<IP>:<port>`` or ``[v6]:<port>`` as an address; ValueError for anything else."""
    try:
        return str(ip_address(text)), _DNS_PORT
    except ValueError:
        host, _, port = text.rpartition(":")
        if not port.isdecimal() or not 1 <= int(port) <= MAX_PORT:
            message = f"expected <IP address> or <IP address>:<port>, got {text[:80]!r}"
            raise ValueError(message) from None
        return str(ip_address(host.removeprefix("[").removesuffix("]"))), int(port)


def _check_servers(text: str) -> str:
    for part in words(text):
        parse_server(part)
    return text


def _check_domains(text: str) -> str:
    for part in words(text):
        if len(part) > _MAX_DOMAIN or not _DOMAIN.match(part):
            message = f"expected a domain such as luebeck.example, got {part[:80]!r}"
            raise ValueError(message)
    return text


def _check_interfaces(text: str) -> str:
    for part in words(text):
        if not _INTERFACE.match(part):
            message = f"expected a network interface such as eth0, got {part[:80]!r}"
            raise ValueError(message)
    return text


def _check_plugins(text: str) -> str:
    for part in words(text):
        ObjectId.check(part)
    return text


def _from_json(value: object) -> object:
    """An argument is text; the file and the environment are read already."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        message = "expected JSON: {name: {option: text}}"
        raise ValueError(message) from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class SourceSettings(BaseModel):
    """Each field is a setting of the deployment."""

    discovery_keep_seconds: float = Field(
        default=300.0,
        ge=0,
        le=86400,
        description="how long a node is kept that its sources do not see any more",
    )
    discovery_offline_seconds: float = Field(
        default=3600.0,
        ge=0,
        le=30 * 86400,
        description="how long it is then offline (tried last) before it goes",
    )
    discovery_blind_seconds: float = Field(
        default=86400.0,
        ge=0,
        le=30 * 86400,
        description="how long what a source said stands while the source cannot see",
    )
    nodes_file: Path | None = Field(
        default=None, description="a YAML or TOML file that lists partners' nodes; it is followed"
    )
    dns_domains: Annotated[str, AfterValidator(_check_domains)] = Field(
        default="", description="domains whose instances of _proxenia._tcp are nodes, separated by commas"
    )
    dns_servers: Annotated[str, AfterValidator(_check_servers)] = Field(
        default="", description="<IP>[:<port>] of the name servers to ask, in this order; empty: the system's"
    )
    dns_floor_seconds: float = Field(
        default=1.0, ge=0.1, le=60, description="least time between two looks at a domain, below its TTLs too"
    )
    dns_require_dnssec: bool = Field(
        default=False,
        description="accept only what the name servers validated (AD); they and the way to them are trusted",
    )
    mdns_interfaces: Annotated[str, AfterValidator(_check_interfaces)] = Field(
        default="", description="network interfaces on whose links mDNS is listened to, separated by commas"
    )
    mdns_advertise: bool = Field(default=False, description="announce our gateways there")
    consul_address: Annotated[str, AfterValidator(_check_address)] = Field(
        default="", description="http(s)://<host>:<port> of a Consul agent; empty: no Consul"
    )
    consul_service: Annotated[str, AfterValidator(_check_name)] = Field(
        default="proxenia", description="the service whose passing instances are nodes"
    )
    consul_datacenters: Annotated[str, AfterValidator(_check_names)] = Field(
        default="", description="datacentres, separated by commas; empty: the agent's own"
    )
    consul_token_file: Path | None = Field(default=None, description="a file of mode 0600 with the token")
    consul_ca_file: Path | None = Field(
        default=None, description="the CA of Consul, trusted alone; empty: the system's"
    )
    consul_certificate_file: Path | None = Field(
        default=None, description="our certificate for Consul, if it wants one"
    )
    consul_key_file: Path | None = Field(default=None, description="its key; empty: in the same file")
    consul_register: Literal["no", "tcp", "ttl"] = Field(
        default="no",
        description="register our gateways in Consul: checked by Consul's connections (tcp) or by us (ttl)",
    )
    sources_allowed: Annotated[str, AfterValidator(_check_plugins)] = Field(
        default="",
        description="entry points of proxenia.sources that may be loaded, separated by commas",
    )
    source_options: Annotated[dict[str, dict[str, str]], BeforeValidator(_from_json)] = Field(
        default={}, description="a table of options for each of them"
    )

    @field_validator("consul_token_file")
    @classmethod
    def _no_token_in_clear(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        url = urlsplit(info.data.get("consul_address", ""))
        if path and url.scheme == "http" and not _is_loopback(url.hostname or ""):
            message = "expected https:// in consul_address, since the token would travel in clear"
            raise ValueError(message)
        return path

    @field_validator("mdns_advertise")
    @classmethod
    def _somewhere_to_advertise(cls, announce: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic calls it
        if announce and not info.data.get("mdns_interfaces"):
            message = "expected mdns_interfaces with it, got none"
            raise ValueError(message)
        return announce

    @field_validator("consul_register")
    @classmethod
    def _somewhere_to_register(cls, way: str, info: ValidationInfo) -> str:
        if way != "no" and not info.data.get("consul_address"):
            message = "expected consul_address with it, got none"
            raise ValueError(message)
        return way

    @field_validator("source_options")
    @classmethod
    def _options_of_allowed(
        cls, options: dict[str, dict[str, str]], info: ValidationInfo
    ) -> dict[str, dict[str, str]]:
        others = sorted(set(options) - set(words(info.data.get("sources_allowed", ""))))
        if others:
            message = f"expected options of sources that sources_allowed names, got {others[0][:80]!r}"
            raise ValueError(message)
        return options
