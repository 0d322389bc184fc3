"""One handshake and one request, as somebody who may not be let in."""

import asyncio
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from control_plane.model.node import Endpoint
from control_plane.trust.files import write_private
from control_plane.trust.trials import Trial

WITHIN = 5.0  # seconds
_UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` None: there was no HTTP answer; ``words`` say what there was instead."""

    status: int | None
    words: str

    @property
    def reached(self) -> bool:
        """Whether there was a gateway at all."""
        return not self.words.startswith(_UNREACHABLE)


async def knock(address: Endpoint, host: str, trial: Trial) -> Answer:
    """Offer the trial's certificate at ``address`` and ask for ``host``."""
    try:
        tls = await asyncio.to_thread(_client, trial)
    except ssl.SSLError as error:
        return Answer(None, f"cannot be offered: {error.reason}")
    try:
        async with asyncio.timeout(WITHIN):
            return await _ask(address, host, tls)
    except (OSError, TimeoutError) as error:
        return Answer(None, _words(error, address))


def _words(error: OSError | TimeoutError, address: Endpoint) -> str:
    match error:
        case ssl.SSLError():
            return f"TLS: {(error.reason or 'closed').lower().replace('_', ' ')}"
        case ConnectionRefusedError():
            return f"{_UNREACHABLE}: nothing listens at {address.host} port {address.port}"
        case TimeoutError():
            return f"{_UNREACHABLE}: no answer within {WITHIN:g} s"
        case ConnectionError():
            return "TLS: connection closed in the handshake"
        case _:
            return f"{_UNREACHABLE}: {error.strerror}"


async def _ask(address: Endpoint, host: str, tls: ssl.SSLContext) -> Answer:
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    try:
        # In TLS 1.3 the server judges our certificate after the handshake has ended on our side.
        writer.write(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        line = (await reader.readline()).decode("ascii", "replace").split()
    finally:
        writer.close()
    if len(line) < 2 or not line[1].isdigit():  # noqa: PLR2004 - version and status
        return Answer(None, "TLS: connection closed in the handshake")
    return Answer(int(line[1]), f"HTTP {line[1]}")


def _client(trial: Trial) -> ssl.SSLContext:
    """TLS of a client that believes any server: what is tried is what the server believes."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.set_ciphers("ALL:@SECLEVEL=0")  # or our own side would refuse to offer what is weak
    if trial.chain:
        with tempfile.TemporaryDirectory(prefix="proxenia-check-") as name:
            file = Path(name) / "offered.pem"
            write_private(file, (trial.key + trial.chain).encode())
            tls.load_cert_chain(file)
    return tls
