"""See to it that nothing of a revoked partner is left: watch Envoy end the old connections, and report.

The control plane's answer says when trust was taken back. The listeners of that epoch end the connections of
the epoch before; when Envoy has none of those left, that is the proof. Envoy's statistics are looked at only
then: with many clusters that is not cheap.
"""

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass

import structlog

from control_plane.gateway.connection import Connection, RefusedError
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.kit.backoff import Backoff
from control_plane.model.identity import shown
from control_plane.ports.errors import UnavailableError

_log = structlog.get_logger(__name__)
_ANSWER_WITHIN = 40.0  # seconds; the control plane holds a question for half of that
_GRACE = 30.0  # seconds beyond the drain time after which what is left is reported as left
_LOOK = 0.02  # seconds between looks at the listeners, which cost little, …
_COUNT = 0.05  # … and at least between looks at the statistics
_CHAINS = "/config_dump?resource=dynamic_listeners&mask=active_state.listener"
_DRAINING = r"^listener_manager\.total_(filter_chains|listeners)_draining$"
_CONNECTIONS = r"^http\.(ingress|egress)\.downstream_cx_active$"
_EPOCH = re.compile(r'"name":\s*"(?:partners|applications)@(\d+)"')
_VALUE = re.compile(r": (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Told:
    """The control plane's answer, and when it came (monotonic)."""

    epoch: int
    since_ms: float
    at: float


class CutWatch:
    """Asks, watches and reports, until cancelled."""

    def __init__(self, gateway: str, connection: Connection, admin: EnvoyAdmin, *, drain: float) -> None:
        self._gateway = gateway
        self._connection = connection
        self._admin = admin
        self._patience = drain + _GRACE

    async def run(self) -> None:
        """Report every epoch once, also the one that was there before this agent."""
        backoff = Backoff(0.2, 5.0)
        epoch, drained, seen_at = -1, None, 0.0
        while True:
            if drained is not None:
                drained["ago_ms"] = (time.monotonic() - seen_at) * 1000
            question = {"gateway": self._gateway, "epoch": epoch, "drained": drained}
            try:
                answer = await self._connection.call(
                    "Report", json.dumps(question).encode(), within=_ANSWER_WITHIN
                )
                told = _read(answer)
            except (UnavailableError, RefusedError) as error:
                _log.debug("not_reported", reason=str(error))
                await asyncio.sleep(backoff.next(random.random()))  # noqa: S311 - spreads load, keeps no secret
                continue
            backoff.reset()
            drained = None
            if told.epoch != epoch:
                epoch = told.epoch
                drained = await self._watch(told)
                seen_at = time.monotonic()

    async def _watch(self, told: _Told) -> dict[str, float] | None:
        """What became of the connections of the epochs before; None when Envoy never had the new one."""
        deadline = told.at + self._patience
        while not await self._has(told.epoch):
            if time.monotonic() > deadline:
                _log.error("cut_not_seen", epoch=told.epoch, next_step="is Envoy connected?")
                return None
            await asyncio.sleep(_LOOK)
        pushed_ms = told.since_ms + (time.monotonic() - told.at) * 1000
        before = await self._sum(_CONNECTIONS)
        while (draining := await self._sum(_DRAINING)) != 0 and time.monotonic() < deadline:
            began = time.monotonic()
            await asyncio.sleep(_COUNT)
            # However long Envoy takes to answer, most of its time is left to it.
            await asyncio.sleep(min(1.0, 4 * (time.monotonic() - began - _COUNT)))
        # Old and new connections are counted together: while something drains, all of them may be old.
        left = 0 if draining == 0 else await self._sum(_CONNECTIONS) or 0
        if draining != 0:
            _log.error("connections_left", epoch=told.epoch, connections=left)
        return {
            "epoch": told.epoch,
            "pushed_ms": pushed_ms,
            "ago_ms": 0.0,
            "connections_before": before or 0,
            "connections_left": left,
        }

    async def _has(self, epoch: int) -> bool:
        """Whether both listeners are of this epoch, or of a later one."""
        found = _EPOCH.findall(await self._admin.read(_CHAINS))
        return len(found) > 1 and all(int(each) >= epoch for each in found)

    async def _sum(self, pattern: str) -> int | None:
        """The sum of these statistics; None when Envoy does not answer."""
        text = await self._admin.read(f"/stats?filter={pattern}")
        values = _VALUE.findall(text)
        return sum(int(value) for value in values) if values else None


def _read(answer: bytes) -> _Told:
    try:
        value = json.loads(answer)
        return _Told(int(value["epoch"]), float(value["since_ms"]), time.monotonic())
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(f"expected the latest epoch from Report, got {shown(answer)}") from error
