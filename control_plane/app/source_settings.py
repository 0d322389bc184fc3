"""The settings of discovery sources: Consul, the file of nodes, and plugins. Part of ``Settings``."""

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from control_plane.model.identity import ObjectId

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

    nodes_file: Path | None = Field(
        default=None, description="a YAML or TOML file that lists partners' nodes; it is followed"
    )
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
