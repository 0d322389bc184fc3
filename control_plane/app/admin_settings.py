"""The settings of the admin API, a part of ``Settings``: where it listens, and whom certificates name."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo

from control_plane.admin.tls import TlsFiles
from control_plane.admin.token_entries import Role
from control_plane.app.listening import parse_listen
from control_plane.app.source_settings import words
from control_plane.model.identity import SpiffeId


def _check_roles(text: str) -> str:
    roles_of(text)
    return text


def roles_of(text: str) -> Mapping[SpiffeId, Role]:
    """``spiffe://…=role`` by SPIFFE id; raises ValueError."""
    found: dict[SpiffeId, Role] = {}
    for word in words(text):
        name, equals, role = word.rpartition("=")
        if not equals or role not in set(Role):
            message = f"expected <SPIFFE id>=<viewer, operator or admin>, got {word[:80]!r}"
            raise ValueError(message)
        found[SpiffeId(name)] = Role(role)
    return found


def _check_url(text: str) -> str:
    found = urlsplit(text)
    if text and (found.scheme not in {"http", "https"} or not found.hostname):
        message = f"expected http://<host>:<port>/v1/traces, got {text[:80]!r}"
        raise ValueError(message)
    return text


def _check_pair(key: Path | None, info: ValidationInfo) -> Path | None:
    if (key is None) != (info.data.get("admin_certificate_file") is None):
        message = "expected admin_certificate_file and admin_key_file, got one of them"
        raise ValueError(message)
    return key


def _check_wide(text: str, info: ValidationInfo) -> str:
    wide = bool(text) and not ip_address(parse_listen(text).host).is_loopback
    if wide and info.data.get("admin_key_file") is None:
        message = (
            f"expected a loopback address (anything wider needs admin_certificate_file), got {text[:80]!r}"
        )
        raise ValueError(message)
    return text


class AdminSettings(BaseModel):
    """Fields that ``Settings`` inherits."""

    admin_certificate_file: Path | None = Field(
        default=None,
        description="PEM chain of the admin API's certificate: with it admin_listen is HTTPS, on any address",
    )
    admin_key_file: Annotated[Path | None, AfterValidator(_check_pair)] = Field(
        default=None, validate_default=True, description="its key, PEM, not encrypted"
    )
    admin_listen: Annotated[str, AfterValidator(_check_wide)] = Field(
        default="",
        description="<IP>:<port> of the admin API, with a token; the unix socket is always there; a loopback"
        " address unless it has a certificate",
    )
    admin_client_roles: Annotated[str, AfterValidator(_check_roles)] = Field(
        default="",
        description="clients whose certificate replaces a token, as <SPIFFE id>=<role>, separated by commas",
    )
    admin_client_ca_file: Path | None = Field(
        default=None, description="PEM of the authorities of their certificates; empty: our own anchors"
    )

    admin_traces_url: Annotated[str, AfterValidator(_check_url)] = Field(
        default="",
        description="URL of an OpenTelemetry collector (OTLP over HTTP, as JSON) for spans of the admin API;"
        " needs the extra otel; empty: no spans",
    )

    @property
    def admin_roles(self) -> Mapping[SpiffeId, Role]:
        """The roles of clients with certificates."""
        return roles_of(self.admin_client_roles)

    def admin_tls(self, anchors: Callable[[], Sequence[str]]) -> TlsFiles | None:
        """The files of the API's TLS; None where it speaks none."""
        if self.admin_certificate_file is None or self.admin_key_file is None:
            return None
        return TlsFiles(
            certificate=self.admin_certificate_file,
            key=self.admin_key_file,
            clients=lambda: self._clients(anchors) if self.admin_client_roles else "",
        )

    def _clients(self, anchors: Callable[[], Sequence[str]]) -> str:
        if self.admin_client_ca_file is not None:
            return self.admin_client_ca_file.read_text(encoding="utf-8")
        return "".join(anchors())
