"""Envoy's admin interface over its unix socket: the few orders that the agent gives."""

import asyncio
import http.client
import socket
from pathlib import Path

_TIMEOUT = 5.0  # seconds


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket; the host name is only what the header says."""

    def __init__(self, path: Path) -> None:
        super().__init__("envoy-admin", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class EnvoyAdmin:
    """Orders to one Envoy. Each says whether Envoy carried it out; an Envoy that does not answer has not."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fail_health_checks(self) -> bool:
        """Answer partners' health checks with a failure, so that they turn to other nodes."""
        return await self._post("/healthcheck/fail")

    async def drain_listeners(self) -> bool:
        """Let connections end after their next response; the listeners close when the drain time is over."""
        return await self._post("/drain_listeners?graceful")

    async def reopen_logs(self) -> bool:
        """Open every log file anew by its name."""
        return await self._post("/reopen_logs")

    async def read(self, path: str) -> str:
        """Look at something; empty when Envoy does not answer."""
        return await asyncio.to_thread(self._request, "GET", path) or ""

    async def _post(self, path: str) -> bool:
        return await asyncio.to_thread(self._request, "POST", path) is not None

    def _request(self, method: str, path: str) -> str | None:
        """The body of the answer, if it is a good one."""
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, path)
            with connection.getresponse() as response:
                body = response.read().decode(errors="replace")
                return body if response.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
