"""``proxenia check --pre``: whether this machine has what an organisation needs, before anything runs."""

import asyncio
import ctypes
import errno
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from control_plane import __version__
from control_plane.admin.check_codes import finding, fine, skipped
from control_plane.app.listening import parse_listen
from control_plane.app.settings import Settings, SettingsError, load
from control_plane.gateway.config import AgentError
from control_plane.gateway.envoy_binary import envoy_version, find_envoy
from control_plane.model.check import CheckFinding, Level, group_of, report_of
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError
from control_plane.store import binaries
from control_plane.store.errors import UnusableDatabaseError
from control_plane.store.pool import Pool

OLDEST = (3, 11)
LEAST = 1 << 30  # bytes that the state needs to begin with
_MEGABYTE = 1 << 20
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX = 512  # bytes; more than struct timex has anywhere
_NOBODY = "not-set-yet.example"  # whose settings are looked at before there is a trust domain
_PORTS = ("xds_listen", "admin_listen", "peering_listen", "ingress_listen", "egress_listen")


def document(state_dir: Path | None) -> dict[str, Any]:
    """The report as the control plane's is."""
    settings, found = _settings(state_dir)
    looks: dict[str, Callable[[Settings], list[CheckFinding]]] = {
        "python": _python,
        "envoy": _envoy,
        "database": _database,
        "ports": _ports,
        "disk": _disk,
        "time": _time,
        "dns": _dns,
    }
    groups = [group_of("settings", found)]
    if settings is not None:
        groups += [group_of(name, look(settings)) for name, look in looks.items()]
    report = report_of(groups)
    name = "this machine" if settings is None or settings.trust_domain == _NOBODY else settings.trust_domain
    return {"organisation": name, "version": __version__, **asdict(report)}


def _settings(state_dir: Path | None) -> tuple[Settings | None, list[CheckFinding]]:
    """As a start would read them; whose they are may be said later."""
    given: dict[str, object] = {"state_dir": state_dir}
    try:
        return load(None, given), [fine("settings", "all can be used")]
    except SettingsError as first:
        try:
            settings = load(None, {**given, "trust_domain": _NOBODY})
        except SettingsError as error:
            return None, [finding("settings", Level.PROBLEM, "bad_setting", line) for line in error.lines]
        return settings, [skipped("settings", f"{first.lines[0]}; all others can be used")]


def _python(_: Settings) -> list[CheckFinding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        return [finding("python", Level.PROBLEM, "python_old", f"expected 3.11 or newer, got {version}")]
    return [fine("python", version)]


def _envoy(settings: Settings) -> list[CheckFinding]:
    try:
        path = find_envoy(Path(settings.envoy) if settings.envoy else None)
        version = asyncio.run(envoy_version(path))
    except AgentError as error:
        return [finding("envoy", Level.PROBLEM, "no_envoy", str(error))]
    return [fine("envoy", f"{version} at {path}")]


def _database(settings: Settings) -> list[CheckFinding]:
    try:
        if settings.database_url:
            asyncio.run(_asked(settings.database_url))
            return [fine("PostgreSQL", "database_url answers")]
        found = binaries.find()
        return [fine("PostgreSQL", f"{found.version()[1]} at {found.bin}")]
    except UnavailableError as error:
        return [finding("PostgreSQL", Level.PROBLEM, "database_away", str(error))]
    except UnusableDatabaseError as error:
        return [finding("PostgreSQL", Level.PROBLEM, "no_postgres", str(error))]


async def _asked(url: str) -> None:
    async with Pool(url, max_connections=1) as pool:
        await pool.check()


def _ports(settings: Settings) -> list[CheckFinding]:
    return [
        _port(name, str(text)) if (text := getattr(settings, name)) else skipped(name, "not set")
        for name in _PORTS
    ]


def _port(name: str, text: str) -> CheckFinding:
    try:
        endpoint = parse_listen(text)
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        socket.create_server((endpoint.host, endpoint.port), family=family).close()
    except OSError as error:
        taken = "something listens there" if error.errno == errno.EADDRINUSE else str(error.strerror)
        return finding(name, Level.PROBLEM, "port_taken", f"{text}: {taken}")
    except (ValueError, InvalidValueError) as error:
        return finding(name, Level.PROBLEM, "bad_setting", str(error))
    return fine(name, f"{text} is free")


def _disk(settings: Settings) -> list[CheckFinding]:
    directory = settings.state_dir
    while not directory.exists():
        directory = directory.parent
    if not os.access(directory, os.W_OK | os.X_OK):
        return [finding(str(settings.state_dir), Level.PROBLEM, "not_writable", f"{directory} is not ours")]
    free = shutil.disk_usage(directory).free
    text = f"{free // _MEGABYTE:,} MB are free"
    if free < LEAST:
        return [finding(str(settings.state_dir), Level.PROBLEM, "disk_full", text)]
    if free < LEAST + settings.spool_megabytes * _MEGABYTE:
        more = f"{text}; logs that wait may take {settings.spool_megabytes:,} MB (spool_megabytes)"
        return [finding(str(settings.state_dir), Level.WARNING, "disk_full", more)]
    return [fine(str(settings.state_dir), text)]


def _time(_: Settings) -> list[CheckFinding]:
    """What the kernel says of its clock; where it says nothing, that is no fault."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return [skipped("clock", "this system does not say whether it is kept right")]
    if state == _TIME_ERROR:
        return [finding("clock", Level.WARNING, "clock_unsynchronised", "the kernel calls it unsynchronised")]
    return [fine("clock", "is kept right") if state >= 0 else skipped("clock", "the kernel does not say")]


def _dns(settings: Settings) -> list[CheckFinding]:
    """Whether the name that partners are told has an address here."""
    host = settings.peering_address.rpartition(":")[0]
    if not host or host.startswith("[") or host.rpartition(".")[2].isdecimal():
        return [skipped("names", "peering_address is no name")]
    try:
        found = socket.getaddrinfo(host, None)
    except OSError as error:
        return [finding(host, Level.PROBLEM, "dns_fails", f"the resolver says: {error.strerror}")]
    return [fine(host, str(found[0][4][0]))]
