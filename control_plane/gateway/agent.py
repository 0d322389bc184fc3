"""Run the agent: one per working directory, until a signal ends it."""

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import structlog

from control_plane.gateway.checkpoints import Checkpoints
from control_plane.gateway.config import STREAMS, AgentConfig, AgentError, Files
from control_plane.gateway.connection import Connection
from control_plane.gateway.cuts import CutWatch
from control_plane.gateway.enrol import Enrolment
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.gateway.envoy_binary import envoy_version, find_envoy
from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.ship import Shipper
from control_plane.gateway.spool import Spool
from control_plane.gateway.supervise import Supervisor
from control_plane.gateway.tls_relay import relay

__all__ = ["AgentConfig", "AgentError", "run_agent"]

_log = structlog.get_logger(__name__)
_ROTATE_EVERY = 1.0  # seconds
_SHIP_REST = 5.0  # seconds to ship what is left before the agent exits; the next agent ships the remainder
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


Beside = Callable[[AgentConfig, str], Coroutine[None, None, None]]
"""What else runs as long as the agent, given its configuration and where the control plane is reached."""


async def alone(_config: AgentConfig, _target: str) -> None:
    """Nothing else."""


async def run_agent(config: AgentConfig, *, beside: Beside = alone) -> int:
    """Run until SIGTERM or SIGINT (drain and stop Envoy) or SIGHUP (leave Envoy running).

    Returns the exit code: 0 after a signal, 1 when it could not start, with the reason in the log.
    """
    try:
        # Envoy's relative paths count from where it really is.
        config = replace(config, directory=config.directory.resolve())
        _prepare(config.files)
        with _alone(config.files):
            await _run(config, beside)
    except AgentError as error:
        _log.error("agent_not_started", gateway=str(config.gateway_id), reason=str(error))
        return 1
    return 0


async def _run(config: AgentConfig, beside: Beside) -> None:
    envoy = find_envoy(config.envoy)
    version = await envoy_version(envoy)
    checkpoints = Checkpoints(config.files.checkpoints)
    try:
        checkpoints.load()
    except ValueError as error:
        _log.warning("checkpoints_unreadable", reason=str(error), next_step="the control plane's are used")
    supervisor = Supervisor(config, envoy)
    with _signals() as signals:
        async with _connection(config) as connection, asyncio.TaskGroup() as group:
            enrolment = Enrolment(config, connection, checkpoints=checkpoints, envoy_version=version)
            logs = [LogFiles(config.files.logs, stream) for stream in STREAMS]
            shipper = Shipper(
                config.gateway_id, connection, logs=logs, checkpoints=checkpoints, ask=enrolment.hello
            )
            enrol = group.create_task(enrolment.run(), name="enrol")
            run = group.create_task(supervisor.run(enrolment.has_identity), name="supervise")
            rotate = group.create_task(_rotate(supervisor), name="rotate logs")
            spool = Spool(
                logs=logs,
                envoy=supervisor,
                admin=EnvoyAdmin(config.files.admin_socket),
                limit=config.spool_bytes,
                policy=config.spool_full,
            )
            spooling = group.create_task(spool.run(), name="watch spool")
            watch = CutWatch(
                config.gateway_id,
                connection,
                EnvoyAdmin(config.files.admin_socket),
                drain=config.drain_seconds,
            )
            cuts = group.create_task(watch.run(), name="watch cuts")
            ship = group.create_task(_ship(shipper, enrolment), name="ship")
            other = group.create_task(beside(config, connection.target), name="beside")

            received = await signals.get()
            _log.info("agent_ending", gateway=str(config.gateway_id), signal=received.name)
            rotate.cancel()
            spooling.cancel()
            cuts.cancel()
            supervisor.leave()
            await asyncio.wait([run])  # a start in progress ends first, so that it is stopped as well
            if received != signal.SIGHUP:
                await supervisor.drain_and_stop()
                shipper.finish()
                await asyncio.wait([ship], timeout=_SHIP_REST)
            enrol.cancel()
            ship.cancel()
            other.cancel()


async def _ship(shipper: Shipper, enrolment: Enrolment) -> None:
    await enrolment.is_enrolled.wait()  # it said how far the control plane is
    await shipper.run()


async def _rotate(supervisor: Supervisor) -> None:
    while True:
        await asyncio.sleep(_ROTATE_EVERY)
        try:
            await supervisor.rotate_logs()
        except OSError as error:
            _log.error("logs_not_rotated", reason=str(error))


@asynccontextmanager
async def _connection(config: AgentConfig) -> AsyncIterator[Connection]:
    if config.target.path is not None:
        connection = Connection(f"unix:{config.target.path}")
        try:
            yield connection
        finally:
            await connection.close()
        return
    async with relay(config) as target:
        connection = Connection(target)
        try:
            yield connection
        finally:
            await connection.close()


@contextmanager
def _signals() -> Iterator[asyncio.Queue[signal.Signals]]:
    loop = asyncio.get_running_loop()
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in _SIGNALS:
        loop.add_signal_handler(number, received.put_nowait, number)
    try:
        yield received
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _prepare(files: Files) -> None:
    """Make the directories. Keys and audit lines lie there, so nobody else may enter."""
    try:
        for directory in (files.directory, files.secrets, files.logs, files.run):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
    except OSError as error:
        raise AgentError(f"cannot use the working directory: {error}") from error


@contextmanager
def _alone(files: Files) -> Iterator[None]:
    """Hold the directory's lock; AgentError when another agent does. The kernel drops it with the process."""
    with files.lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read(20).strip() or "unknown"
            raise AgentError(
                f"another agent (process {holder}) runs in {files.directory}: one is enough, stop it first"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
