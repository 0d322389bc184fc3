"""Say hello to the control plane.

That announces this gateway, gets its certificate signed, and tells how far its logs have arrived. It is
repeated at half of each certificate's life, and at once when the control plane signs with another root. While
the control plane is away the present one stays in use.
"""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from typing import Any

import structlog

from control_plane.gateway.checkpoints import Checkpoints, read_checkpoints
from control_plane.gateway.config import AgentConfig, AgentError
from control_plane.gateway.connection import Connection, RefusedError
from control_plane.gateway.identity import Identity, install, load, request_for
from control_plane.gateway.positions import Position
from control_plane.kit.backoff import Backoff
from control_plane.model.identity import shown
from control_plane.model.node import Endpoint
from control_plane.ports.errors import UnavailableError

_log = structlog.get_logger(__name__)
_LOOK = 2.0  # seconds between looks at the clock (the machine may have slept) and at who signs


class Enrolment:
    """Keeps this gateway known to the control plane and its certificate fresh."""

    def __init__(
        self, config: AgentConfig, connection: Connection, *, checkpoints: Checkpoints, envoy_version: str
    ) -> None:
        self._config = config
        self._connection = connection
        self._checkpoints = checkpoints
        self._envoy_version = envoy_version
        self._identity: Identity | None = None
        self._signer = ""  # of the present certificate; empty: unknown
        self.has_identity = asyncio.Event()  # Envoy can be started
        self.is_enrolled = asyncio.Event()  # the control plane answered since this agent started

    async def run(self) -> None:
        """Enrol now, and again before each certificate grows old; never returns."""
        self._load()
        backoff = Backoff(0.1, 2.0)
        last_failure = ""
        while True:
            try:
                await self.hello()
            except (UnavailableError, RefusedError, AgentError) as error:
                if str(error) != last_failure:
                    _log.warning("not_enrolled", reason=str(error))
                last_failure = str(error)
                self._warn_when_overdue()
                await asyncio.sleep(backoff.next(random.random()))  # noqa: S311 - spreads load, keeps no secret
                continue
            last_failure = ""
            backoff.reset()
            await self._until_renewal()

    async def hello(self) -> Mapping[str, Position]:
        """Ask for a new certificate and put it to use; returns how far the control plane has each log."""
        request = await asyncio.to_thread(request_for, self._config)
        answer = _read(await self._connection.call("Hello", self._encode(request.csr)))
        reported = _checkpoints(answer)
        self._identity = await asyncio.to_thread(install, self._config, request, answer, now=time.time())
        self._signer = str(answer.get("signer", ""))
        await asyncio.to_thread(self._checkpoints.advance, reported)
        _log.info(
            "certificate_installed", spiffe_id=str(self._config.spiffe_id), until=self._identity.expires
        )
        self.has_identity.set()
        self.is_enrolled.set()
        return reported

    def _encode(self, csr: str) -> bytes:
        gateway = {
            "id": self._config.gateway_id,
            "ingress": _endpoint(self._config.ingress),
            "egress": _endpoint(self._config.egress),
            "envoy_version": self._envoy_version,
        }
        if self._config.metrics is not None:
            gateway["metrics"] = _endpoint(self._config.metrics)
        return json.dumps({"gateway": gateway, "csr": csr}).encode()

    def _load(self) -> None:
        try:
            self._identity = load(self._config.files)
        except AgentError as error:
            _log.error("identity_unreadable", reason=str(error))
        if self._identity is not None:
            self.has_identity.set()

    async def _until_renewal(self) -> None:
        if self._identity is None:
            return
        renewal = self._identity.renewal(random.random())  # noqa: S311 - spreads load, keeps no secret
        if self._config.renew_seconds:
            renewal = self._identity.installed + self._config.renew_seconds
        while (left := renewal - time.time()) > 0:
            await asyncio.sleep(min(left, _LOOK))
            if await self._is_signed_by_another():
                _log.info("certificate_of_another_signer", signer=self._signer)
                return

    async def _is_signed_by_another(self) -> bool:
        """Whether the control plane says that it signs with another root now; a silent one says nothing."""
        request = json.dumps({"gateway": self._config.gateway_id}).encode()
        try:
            signer = str(_read(await self._connection.call("Renewal", request)).get("signer", ""))
        except (UnavailableError, RefusedError, AgentError) as error:
            _log.debug("signer_unknown", reason=str(error))
            return False
        return signer != self._signer

    def _warn_when_overdue(self) -> None:
        identity, now = self._identity, time.time()
        if identity is not None and identity.is_overdue(now):
            _log.error(
                "certificate_not_renewed", expires_in_seconds=round(identity.expires - now),
                next_step="traffic stops when it expires: bring the control plane back",
            )  # fmt: skip


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {"host": endpoint.host, "port": endpoint.port}


def _read(answer: bytes) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except ValueError as error:
        raise AgentError(f"expected JSON from Hello, got {shown(answer)}") from error
    if not isinstance(value, dict):
        raise AgentError(f"expected an object from Hello, got {shown(answer)}")
    return value


def _checkpoints(answer: dict[str, Any]) -> dict[str, Position]:
    try:
        return read_checkpoints(answer.get("checkpoints", {}))
    except ValueError as error:
        raise AgentError(f"expected checkpoints from Hello: {error}") from error
