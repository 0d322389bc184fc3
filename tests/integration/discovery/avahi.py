"""A real avahi-daemon in a network namespace of its own, joined to this one by a pair of interfaces.

It needs root. avahi reads its files from /etc/avahi and nowhere else, so it is given a private one.
"""

import asyncio
import os
import shutil
import signal
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

import pytest

from tests.integration.discovery.bind9 import Instance

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
START_WITHIN = 20.0  # seconds
_numbers = count()
_CONFIGURATION = """
[server]
use-ipv4=yes
use-ipv6=yes
enable-dbus=no
ratelimit-interval-usec=1000000
ratelimit-burst=100000
entries-per-entry-group-max=100
[publish]
publish-workstation=no
publish-hinfo=no
"""
_START = (
    'mount --bind "$1" /etc/avahi && mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon'
    " && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --no-proc-title"
)


def why_not() -> str:
    """Why avahi cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "needs root, for a network namespace"
    missing = [name for name in ("avahi-daemon", "ip") if shutil.which(name, path=PATH) is None]
    return (
        f"needs {', '.join(missing)}: apt-get install avahi-daemon iproute2 (make test does)"
        if missing
        else ""
    )


needs_avahi = pytest.mark.skipif(bool(why_not()), reason=why_not())


async def run(*command: str) -> None:
    """A command that has to succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "PATH": PATH}, stderr=asyncio.subprocess.PIPE
    )
    _, error = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {error.decode().strip()}")


class Link:
    """A namespace, and a pair of interfaces: ``name`` is the end that is here."""

    def __init__(self, *, v4: bool = True, v6: bool = True) -> None:
        number = next(_numbers)
        self._v4, self._v6 = v4, v6
        self.namespace = f"proxenia-{os.getpid()}-{number}"
        self.name = f"px{os.getpid() % 0x100000:x}-{number}"
        self._octets = f"{os.getpid() % 250}.{number % 250}"

    async def __aenter__(self) -> Self:
        try:
            await run("ip", "netns", "add", self.namespace)
        except RuntimeError as error:
            pytest.skip(f"needs network namespaces: {error}")
        await self.plug()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.unplug()
        await run("ip", "netns", "del", self.namespace)

    async def plug(self) -> None:
        """Make the pair of interfaces."""
        far = ("ip", "-n", self.namespace)
        await run(*far, "link", "set", "lo", "up")
        pair = ("type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        await run("ip", "link", "add", self.name, *pair)
        if self._v4:
            await run("ip", "address", "add", f"10.{self._octets}.1/24", "dev", self.name)
            await run(*far, "address", "add", f"10.{self._octets}.2/24", "dev", "eth0")
        # Nobody else has these addresses: without asking for two seconds, they can be used at once.
        at_once = "echo 0 >/proc/sys/net/ipv6/conf/$1/accept_dad"
        await run("sh", "-c", at_once, "sh", self.name)
        await run("ip", "netns", "exec", self.namespace, "sh", "-c", at_once, "sh", "eth0")
        if not self._v6:
            await run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/$1/disable_ipv6", "sh", self.name)
        await run("ip", "link", "set", self.name, "up")
        await run(*far, "link", "set", "eth0", "up")

    async def unplug(self) -> None:
        """Take the pair away, as one takes an adapter out of a machine."""
        process = await asyncio.create_subprocess_exec(
            "ip",
            "link",
            "del",
            self.name,
            env={**os.environ, "PATH": PATH},
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.wait()  # it may be gone already

    async def down(self) -> None:
        """Cut the link."""
        await run("ip", "link", "set", self.name, "down")

    async def up(self) -> None:
        """Join it again."""
        await run("ip", "link", "set", self.name, "up")


class Avahi:
    """avahi-daemon at the far end of ``link``, with static services."""

    def __init__(self, directory: Path, link: Link) -> None:
        self.link = link
        self._directory = directory
        self._hosts = dict[str, str]()
        self._changes = count(1)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        (self._directory / "services").mkdir(parents=True)
        (self._directory / "avahi-daemon.conf").write_text(_CONFIGURATION, encoding="utf-8")
        (self._directory / "hosts").write_text("", encoding="utf-8")
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, also again; it announces what is published."""
        command = ("ip", "netns", "exec", self.link.namespace, "sh", "-c", _START, "sh", str(self._directory))
        log = self._directory.parent / "avahi.log"
        with log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command, env={**os.environ, "PATH": PATH}, stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(START_WITHIN):
                while b"Server startup complete" not in log.read_bytes():
                    assert self._process.returncode is None, log.read_text(encoding="utf-8")
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise AssertionError(log.read_text(encoding="utf-8")) from error

    async def kill(self) -> None:
        """End it at once, without a goodbye."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def publish(self, *instances: Instance) -> None:
        """Announce services, or change what they say."""
        for one in instances:
            self._hosts[one.label] = f"{one.address} {one.host}.local\n"
            texts = "".join(f"<txt-record>{escape(text)}</txt-record>" for text in one.txt)
            self._put(
                self._file(one.label),
                f'<?xml version="1.0" standalone="no"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">'
                f"<service-group><name>{escape(one.label)}</name><service><type>_proxenia._tcp</type>"
                f"<host-name>{one.host}.local</host-name><port>{one.port}</port>{texts}</service></service-group>",
            )
        self._reload()

    def withdraw(self, *labels: str) -> None:
        """Say goodbye for services."""
        for label in labels:
            del self._hosts[label]
            self._file(label).unlink()
        self._reload()

    def _put(self, file: Path, text: str) -> None:
        """Have a file with a time of its own: avahi takes one with the same second for unchanged."""
        beside = self._directory / "being-written"
        beside.write_text(text, encoding="utf-8")
        moment = next(self._changes)
        os.utime(beside, (moment, moment))
        beside.replace(file)

    def _file(self, label: str) -> Path:
        return self._directory / "services" / f"{label}.service"

    def _reload(self) -> None:
        (self._directory / "hosts").write_text("".join(self._hosts.values()), encoding="utf-8")
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
