"""How Consul is asked: py-consul's calls over a transport of ours (docs/decisions/0015).

No redirect is followed, since the token would go along; no body is read beyond a limit; a private CA is
trusted instead of the system's, not beside it; and the environment replaces nothing that the settings say.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from consul import base

from control_plane.discovery.private_file import read_secret
from control_plane.model.problem import InvalidValueError

MAX_ANSWER = 32 << 20  # bytes: 20,000 nodes with their checks
CONNECT_WITHIN = 5.0  # seconds
_READ = 64 << 10
_OK = 200
_EXPLAINED = {
    400: "the question was refused (400): is the service's name right?",
    401: "the token was refused (401)",
    403: "the token was refused, or may not do this (403)",
    404: "there is nothing at that address (404): is it Consul's?",
    429: "Consul asks for fewer questions (429)",
    500: "Consul cannot answer now (500): it may have no leader, or no path to the datacentre",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsulOptions:
    """Where Consul is and how it is asked. ``address`` is ``http(s)://<host>:<port>``.

    ``wait`` is how long a blocking query may take in seconds, ``patience`` how long any other answer may.
    """

    address: str
    service: str = "proxenia"
    datacenter: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    wait: float = 30.0
    patience: float = 5.0


class ConsulError(Exception):
    """Consul cannot be asked, or does not answer as it should: one clause for an operator.

    ``status`` is that of its answer, 0 when there was none.
    """

    def __init__(self, reason: str, *, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: only answers with status 200 do."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Transport(base.HTTPClient):  # type: ignore[misc]  # py-consul has no types
    """What py-consul sends its calls through; its own reading of answers (``callback``) is not used."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        url = urlsplit(address)
        super().__init__(url.hostname or "", url.port or 0, url.scheme)
        self.base_uri = address
        self.session = session
        self.within = CONNECT_WITHIN

    async def _send(
        self,
        method: str,
        path: str,
        params: Sequence[tuple[str, Any]] | None,
        headers: Mapping[str, str] | None,
        data: str | bytes | None = None,
    ) -> Answer:
        async with (
            asyncio.timeout(self.within),
            self.session.request(
                method, self.uri(path, params), headers=headers, data=data, allow_redirects=False
            ) as response,
        ):
            if response.status != _OK:
                raise ConsulError(_explain(response.status), status=response.status)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ConsulError("expected a plain body, got a compressed one, which was not asked for")
            body = bytearray()
            async for chunk in response.content.iter_chunked(_READ):
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise ConsulError(f"expected an answer of at most {MAX_ANSWER} bytes, got more")
            return Answer(response.headers, bytes(body))

    async def get(
        self,
        callback: object,
        path: str,
        params: Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        **_more: object,
    ) -> Answer:
        """Read something."""
        del callback
        return await self._send("GET", path, params, headers)

    async def put(
        self,
        callback: object,
        path: str,
        params: Sequence[tuple[str, Any]] | None = None,
        data: str | bytes = "",
        headers: Mapping[str, str] | None = None,
        **_more: object,
    ) -> Answer:
        """Change something."""
        del callback
        return await self._send("PUT", path, params, headers, data)

    async def delete(self, *_given: object, **_more: object) -> Answer:
        """No call that is used here deletes or posts."""
        raise NotImplementedError("expected a call that reads or puts")

    post = delete

    async def close(self) -> None:
        """End its connections."""
        await self.session.close()


class Calls(base.Consul):  # type: ignore[misc]  # py-consul has no types
    """py-consul's calls over our transport."""

    def __init__(self, transport: Transport, datacenter: str) -> None:
        self._transport = transport
        super().__init__(
            transport.host, transport.port, scheme=transport.scheme, dc=datacenter or None, verify=True
        )
        self.token = None  # not even CONSUL_HTTP_TOKEN: each call names the token of the settings, or none

    def http_connect(self, *_given: object, **_more: object) -> Transport:
        """Ours, instead of one that would be made."""
        return self._transport


Call = Callable[[Any, str], Any]  # of py-consul's object and the token


class Consul:
    """A connection pool to one agent. Calls raise ConsulError."""

    def __init__(self, options: ConsulOptions, transport: Transport) -> None:
        self._options = options
        self._transport = transport
        self._calls = Calls(transport, options.datacenter)

    @classmethod
    async def open(cls, options: ConsulOptions) -> Self:
        """Read the files of the options; nothing is connected before the first call."""
        with _clearly(options.address):
            context = await asyncio.to_thread(tls_context, options)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=2),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return cls(options, Transport(options.address.rstrip("/"), session))

    async def close(self) -> None:
        """End its connections."""
        await self._transport.close()

    async def service(self, index: int) -> Answer:
        """The passing instances; with an ``index`` the answer comes when it is passed, or after ``wait``."""
        options = self._options
        # Consul adds up to a sixteenth of the wait, so that not everybody asks again at once.
        within = options.patience + (options.wait * 17 / 16 if index else 0)
        blocking = {"index": str(index), "wait": f"{max(1, round(options.wait * 1000))}ms"} if index else {}
        return await self._call(
            lambda calls, token: calls.health.service(options.service, passing=True, token=token, **blocking),
            within,
        )

    async def ask(self, call: Call) -> None:
        """One call of which only the success counts."""
        await self._call(call, self._options.patience)

    async def _call(self, call: Call, within: float) -> Answer:
        with _clearly(self._options.address, within):
            token = read_secret(self._options.token_file) if self._options.token_file else ""
            self._transport.within = within
            answer: Answer = await call(self._calls, token)
            return answer


@contextmanager
def _clearly(address: str, within: float = CONNECT_WITHIN) -> Iterator[None]:
    """Whatever the HTTP client raises becomes a ConsulError that an operator understands."""
    try:
        yield
    except ConsulError:
        raise
    except Exception as error:
        raise ConsulError(_reason(error, address, within)) from error


# The first that fits; what the other side wrote is never repeated.
_REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        aiohttp.ClientConnectorCertificateError,
        "the certificate of {address} is not trusted: set consul_ca_file to the CA that signed it",
    ),
    (
        (ssl.SSLError, aiohttp.ClientSSLError),
        "no TLS with {address}: see consul_ca_file, consul_certificate_file and the scheme",
    ),
    (TimeoutError, "no answer from {address} within {within:g} s"),
    (aiohttp.ClientConnectorError, "cannot connect to {address}: {why}"),
    ((aiohttp.ServerDisconnectedError, ConnectionError), "{address} ended the connection{hint}"),
    (aiohttp.ClientError, "{address} does not speak HTTP as it should ({why})"),
)


def _reason(error: Exception, address: str, within: float) -> str:
    """One clause."""
    if isinstance(error, InvalidValueError):
        return error.detail
    causes = (error, error.__cause__, error.__context__)
    cause = next((one for one in causes if isinstance(one, ssl.SSLError)), error)
    # In TLS 1.3 a server judges our certificate after the handshake is done for us (RFC 8446, 4.4.2.4).
    hint = ": does it expect consul_certificate_file?" if address.startswith("https:") else ""
    why = getattr(error, "strerror", None) or type(error).__name__
    for kinds, text in _REASONS:
        if isinstance(cause, kinds):
            return text.format(address=address, within=within, why=why, hint=hint)
    return f"cannot ask {address}: {why}"


def _explain(status: int) -> str:
    if 300 <= status < 400:  # noqa: PLR2004 - RFC 9110: redirections
        return f"expected an answer, got a redirect ({status}), which is not followed: correct consul_address"
    return _EXPLAINED.get(status, f"expected status 200, got {status}")


def tls_context(options: ConsulOptions) -> ssl.SSLContext | bool:
    """The TLS of these options. Raises OSError or InvalidValueError when a file cannot be used."""
    if not options.address.startswith("https:"):
        return True
    # With a CA of one's own, only that one is trusted.
    context = ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if options.certificate_file:
        key = options.key_file or options.certificate_file
        read_secret(key)
        context.load_cert_chain(options.certificate_file, key, password=_no_password)
    return context


def _no_password() -> str:
    raise InvalidValueError("encrypted_key", "expected a private key without a passphrase in consul_key_file")
