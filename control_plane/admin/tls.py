"""TLS of the admin API: our certificate from files that may change, and clients known by theirs.

A client may present a certificate, signed by an authority that is trusted for that alone; its SPIFFE id then
says who it is, and the settings what it may do. Whoever presents none needs a token.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from control_plane.model.identity import SpiffeId
from control_plane.model.problem import InvalidValueError

_log = structlog.get_logger(__name__)


class TlsError(Exception):
    """The certificate cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files of the chain and its key, and ``clients``: PEM of the authorities of clients, or empty."""

    certificate: Path
    key: Path
    clients: Callable[[], str]

    def version(self) -> tuple[object, ...]:
        """Equal as long as nothing changed. Raises OSError."""
        files = [(place.stat().st_mtime_ns, place.stat().st_ino) for place in (self.certificate, self.key)]
        return *files, self.clients()

    def context(self) -> ssl.SSLContext:
        """What presents the present files. Raises TlsError."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.num_tickets = 0  # no resumption: every connection is judged by what is true then
        made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        made.set_alpn_protocols(["http/1.1"])
        try:
            made.load_cert_chain(self.certificate, self.key)
            if clients := self.clients():
                made.load_verify_locations(cadata=clients)
                made.verify_mode = ssl.CERT_OPTIONAL
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            said = getattr(error, "strerror", None) or str(error)
            raise TlsError(
                f"the admin API's certificate {self.certificate} or key cannot be used ({said}): give a PEM"
                " chain and its unencrypted key"
            ) from error
        return made


class ServerTls:
    """The listener's TLS: each handshake presents what the files hold by then."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self.listening = self._present = files.context()
        self._version = files.version()
        self.listening.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called in each handshake, also without a server name."""
        try:
            version = self._files.version()
            if version != self._version:
                self._version = version  # tried once; until it changes again the last good one stays
                self._present = self._files.context()
        except (OSError, TlsError) as error:
            _log.error("admin_certificate_unusable", reason=str(error))
        connection.context = self._present


def client_of(request: web.Request) -> SpiffeId | None:
    """The SPIFFE id of the client's certificate, which was verified; None when there is none, or not one."""
    certificate = request.get_extra_info("peercert")
    if not certificate:
        return None
    names = [name for kind, name in certificate.get("subjectAltName", ()) if kind == "URI"]
    if len(names) != 1:
        return None
    try:
        return SpiffeId(names[0])
    except InvalidValueError:
        return None
