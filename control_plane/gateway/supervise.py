"""Keep one Envoy running.

It is started in a session of its own and outlives its agent; the next agent takes it over.
"""

import asyncio
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import structlog

from control_plane.gateway import processes
from control_plane.gateway.bootstrap import command, rendered
from control_plane.gateway.config import STREAMS, AgentConfig
from control_plane.gateway.durable import replace_file
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.processes import Process
from control_plane.kit.backoff import Backoff

_log = structlog.get_logger(__name__)
_POLL = 0.1  # seconds between looks whether Envoy still runs
_STABLE = 10.0  # seconds after which a start counts as a success
_TERM_WAIT = 5.0  # seconds between SIGTERM and SIGKILL
_MAX_OUTPUT = 16 << 20  # bytes of Envoy's own messages before a start puts them aside


class Supervisor:
    """Starts, adopts, watches, restarts and stops the Envoy of one working directory."""

    def __init__(self, config: AgentConfig, envoy: Path) -> None:
        self._config = config
        self._files = config.files
        self._argv = command(envoy, config)
        self._bootstrap = rendered(config)
        self._admin = EnvoyAdmin(self._files.admin_socket)
        self._process: Process | None = None
        self._ending = asyncio.Event()
        self._held = False

    async def run(self, may_start: asyncio.Event) -> None:
        """Adopt or start Envoy, and start it again whenever it ends, until ``leave`` is called.

        A first start waits for ``may_start``: before the certificate is there, Envoy would refuse its
        listeners.
        """
        await self._adopt()
        backoff = Backoff(0.1, 5.0)
        while not self._ending.is_set():
            began = time.monotonic()
            if self._process is None:
                if self._held or not may_start.is_set():
                    await self._pause(_POLL)
                    continue
                await self._try_to_start()
            if self._process is not None:
                cause = await self._until_ended(self._process, stop=self._ending)
                if not cause:
                    return
                _log.error("envoy_ended", pid=self._process.pid, cause=cause, output=self._last_words())
                self._process = None
            if time.monotonic() - began > _STABLE:
                backoff.reset()
            await self._pause(backoff.next(random.random()))  # noqa: S311 - spreads load, keeps no secret

    def leave(self) -> None:
        """Make ``run`` return soon, whatever it does; a running Envoy goes on."""
        self._ending.set()

    async def hold(self) -> None:
        """Drain and stop Envoy, and start none until ``release``."""
        self._held = True
        if self._process is not None:
            await self._end(self._process)

    def release(self) -> None:
        """Let Envoy run again."""
        self._held = False

    async def drain_and_stop(self) -> None:
        """Let requests in flight finish, then end Envoy; after ``run`` has returned."""
        if self._process is not None:
            await self._end(self._process)
            self._process = None

    async def rotate_logs(self) -> None:
        """Continue logs that have grown too long in new files."""
        logs = [LogFiles(self._files.logs, stream) for stream in STREAMS]
        waiting = [log.rotate(time.time_ns(), limit=self._config.rotate_bytes) for log in logs]
        if any(waiting) and self._process is not None and not await self._admin.reopen_logs():
            _log.warning("logs_not_reopened", next_step="Envoy's admin socket does not answer; trying again")

    async def _adopt(self) -> None:
        """Take over the Envoy that an earlier agent left running.

        One that was started differently is drained and stopped, so that the new settings come into force.
        """
        found = await asyncio.to_thread(processes.find, self._config.directory, self._files.bootstrap.name)
        for process in found:
            is_ours = processes.same_command(process, self._argv) and self._is_written()
            if is_ours and self._process is None:
                self._process = process
                _log.info("envoy_adopted", pid=process.pid)
            else:
                _log.info("envoy_replaced", pid=process.pid, reason="started with other settings")
                await self._end(process)

    async def _end(self, process: Process) -> None:
        drained = await self._admin.fail_health_checks() and await self._admin.drain_listeners()
        if drained:
            await self._until_ended(process, seconds=self._config.drain_seconds)
        for number in (signal.SIGTERM, signal.SIGKILL):
            processes.send(process, number)
            cause = await self._until_ended(process, seconds=_TERM_WAIT)
            if cause:
                _log.info("envoy_stopped", pid=process.pid, cause=cause, drained=drained)
                return
        _log.error("envoy_not_stopped", pid=process.pid)

    async def _until_ended(
        self, process: Process, *, seconds: float = float("inf"), stop: asyncio.Event | None = None
    ) -> str:
        """Return how it ended; empty when it still runs after ``seconds`` or when ``stop`` is set."""
        deadline = time.monotonic() + seconds
        while not (cause := processes.ended(process)):
            if time.monotonic() >= deadline or (stop is not None and stop.is_set()):
                return ""
            await asyncio.sleep(_POLL)
        return cause

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _try_to_start(self) -> None:
        try:
            self._process = await asyncio.to_thread(self._start)
        except OSError as error:
            _log.error("envoy_not_started", reason=str(error))

    def _start(self) -> Process:
        replace_file(self._files.bootstrap, self._bootstrap)
        for stream in STREAMS:
            LogFiles(self._files.logs, stream).begin(time.time_ns())
        output = self._files.envoy_output
        if output.exists() and output.stat().st_size > _MAX_OUTPUT:
            output.replace(output.with_suffix(".log.1"))
        with output.open("ab") as file:
            started = subprocess.Popen(  # noqa: S603 - the operator's Envoy with arguments of ours
                self._argv, cwd=self._config.directory, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True, umask=0o077,
            )  # fmt: skip
        # Envoy may outlive us, and its end is collected by its id: Popen has nothing to watch or to warn of.
        started.returncode = 0
        process = processes.describe(started.pid)
        if process is None:
            raise OSError(f"{self._argv[0]} ended at once; see {output}")
        _log.info("envoy_started", pid=process.pid)
        return process

    def _is_written(self) -> bool:
        try:
            return self._files.bootstrap.read_text() == self._bootstrap
        except FileNotFoundError:
            return False

    def _last_words(self) -> str:
        """The last line that Envoy wrote about itself."""
        try:
            with self._files.envoy_output.open("rb") as file:
                file.seek(max(0, self._files.envoy_output.stat().st_size - 2048))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""
