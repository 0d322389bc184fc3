"""``proxenia up``: one organisation on one machine, as a tree of processes that heals itself.

This process does no work of its own: it starts PostgreSQL, the control plane and one gateway, and starts
again what dies. When it is itself killed, the agent leaves Envoy running and the next ``up`` takes over.
"""

import asyncio
import fcntl
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

import structlog

from control_plane.app.children import Child, Command, forget_pid, write_pid
from control_plane.app.settings import FILE_NAME, Settings, SettingsError
from control_plane.store.embedded import EmbeddedPostgres
from control_plane.store.errors import UnusableDatabaseError

_log = structlog.get_logger()

CONTROL_PLANE = "control-plane"
GATEWAY = "gateway"
CONTROL_PLANE_FIRST = 15.0  # seconds that the first gateway waits for it


def prepare_state(settings: Settings) -> None:
    """Make the state directory; what is secret in it has directories of its own, closed to others."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    # The embedded PostgreSQL runs as another user when we are root: it must pass through, not list.
    settings.state_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    settings.run_dir.mkdir(mode=0o700, exist_ok=True)
    settings.run_dir.chmod(0o700)


def remember(settings: Settings) -> None:
    """Write the trust domain down, so that later commands on this state directory need not repeat it."""
    path = settings.state_dir / FILE_NAME
    if not path.exists():
        path.write_text(f'trust_domain = "{settings.trust_domain}"\n', encoding="utf-8")


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as environment for a child process."""
    given = {name: value for name, value in settings.model_dump().items() if value is not None}
    texts = {
        name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()
    }
    own = {f"PROXENIA_{name.upper()}": value for name, value in texts.items()}
    return {**os.environ, **own}


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


def commands_of(settings: Settings) -> list[Command]:
    """The control plane and the gateway as child processes."""
    environment = environment_of(settings)
    program = [sys.executable, "-m", "control_plane"]
    return [
        Command(
            name=CONTROL_PLANE,
            argv=[*program, "serve"],
            environment=environment,
            pid_file=settings.run_dir / f"{CONTROL_PLANE}.pid",
        ),
        Command(
            name=GATEWAY,
            argv=[*program, "gateway", "run"],
            environment=environment,
            pid_file=settings.run_dir / f"{GATEWAY}.pid",
            orphaned=signal.SIGHUP,  # Envoy goes on without us
            stop_within=settings.drain_seconds + 20,
        ),
    ]


def hold_lock(settings: Settings) -> IO[str]:
    """Make this the only ``up`` on the state directory; raises SettingsError naming the other one."""
    lock = (settings.run_dir / "up.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        other = lock.read().strip() or "unknown"
        lock.close()
        message = (
            f"{settings.state_dir} is in use by `proxenia up` with pid {other}: stop it or choose --state-dir"
        )
        raise SettingsError([message]) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


async def _gateway(settings: Settings, child: Child) -> None:
    """Run the agent, which has nothing to ask before the control plane is ready.

    One that never becomes ready is no reason to wait for long: Envoy may have to be taken care of.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(CONTROL_PLANE_FIRST):
            await _announced(settings)
    await child.run()


async def _announced(settings: Settings) -> None:
    """Wait until the control plane is ready; say so once, and what to do next."""
    while not await _ready(settings.run_dir / "admin.sock"):  # noqa: ASYNC110 - it is in another process
        await asyncio.sleep(0.05)
    _log.info(
        "control plane is ready",
        trust_domain=settings.trust_domain,
        ingress=settings.ingress_listen,
        egress=settings.egress_listen,
        next_step=f"proxenia --state-dir {settings.state_dir} status",
    )


async def _ready(admin_socket: Path) -> bool:
    """Whether the control plane says so (``/readyz``)."""
    try:
        reader, writer = await asyncio.open_unix_connection(admin_socket)
        writer.write(b"GET /readyz HTTP/1.0\r\nhost: localhost\r\n\r\n")
        answer = await reader.readline()
        writer.close()
    except OSError:
        return False
    return b" 200 " in answer


async def _keep_postgres(server: EmbeddedPostgres, pid_file: Path) -> None:
    try:
        while True:
            await server.start()
            write_pid(pid_file, server.pid)
            code = await server.wait()
            _log.warning("process ended, starting it again", process="postgres", code=code)
            await asyncio.sleep(0.1)
    finally:
        await server.stop()
        forget_pid(pid_file)


async def run(settings: Settings) -> int:
    """Run everything until SIGINT or SIGTERM; SettingsError when a part cannot run at all."""
    prepare_state(settings)
    remember(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    with hold_lock(settings):
        control_plane, gateway = (Child(command) for command in commands_of(settings))
        database = asyncio.create_task(_database(settings), name="postgres")
        processes = [
            asyncio.create_task(control_plane.run(), name=CONTROL_PLANE),
            asyncio.create_task(_gateway(settings, gateway), name=GATEWAY),
        ]
        waiting = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait([waiting, database, *processes], return_when=asyncio.FIRST_COMPLETED)
        # In this order the last audit rows still find their way: gateway, then control plane, then database.
        await _end_in_order([waiting, *reversed(processes), database])
    return 0


async def _database(settings: Settings) -> None:
    if settings.database_url:
        await asyncio.Event().wait()
    await _keep_postgres(EmbeddedPostgres(settings.state_dir), settings.run_dir / "postgres.pid")


def _said(outcome: Exception, part: str) -> str:
    """One sentence for the operator; what nobody foresaw is also logged whole."""
    if not isinstance(outcome, UnusableDatabaseError):
        _log.error("a part of this organisation failed", part=part, exc_info=outcome)
    return f"{part}: {outcome}"


async def _end_in_order(tasks: list[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
    failures = []
    for task in tasks:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, Exception):
            failures.append(_said(outcome, task.get_name()))
    if failures:
        raise SettingsError(failures)
