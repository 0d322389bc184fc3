"""A real bind9 on a loopback port of its own, whose zones are changed by signed updates (RFC 2136, TSIG)."""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.asyncquery
import dns.name
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from control_plane.app.demo import organisation as demo
from control_plane.discovery.dns_exchange import Server

NAMED = shutil.which("named", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
WITHOUT_BIND9 = "needs bind9: apt-get install bind9 (make test does it as root)"
needs_bind9 = pytest.mark.skipif(NAMED is None, reason=WITHOUT_BIND9)

TSIG = "c2VjcmV0IG9mIHRoZSB0ZXN0cywgYW5kIG5vIG90aGVy"
KEY = dns.tsig.Key("tests.", TSIG, "hmac-sha256")
SERVICE = "_proxenia._tcp"
START_WITHIN = 20.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One node as its operator publishes it."""

    label: str
    address: str = "192.0.2.7"
    port: int = 8443
    priority: int = 0
    weight: int = 10
    txt: tuple[str, ...] = ()
    ttl: int = 60

    @property
    def host(self) -> str:
        """The host that SRV names."""
        return f"host-{self.label}"

    def records(self, *, below: str = "") -> str:
        """The same for a zone file; ``below`` is the browsing domain that lists it, if not the zone."""
        kind = "AAAA" if ":" in self.address else "A"
        texts = " ".join(f'"{text}"' for text in self.txt)
        service = f"{SERVICE}.{below}" if below else SERVICE
        return (
            f"{service} {self.ttl} PTR {self.label}.{service}\n"
            f"{self.label}.{service} {self.ttl} SRV {self.priority} {self.weight} {self.port} {self.host}\n"
            f"{self.label}.{service} {self.ttl} TXT {texts}\n"
            f"{self.host} {self.ttl} {kind} {self.address}\n"
        )


def txt_of(node_id: str, organisation: str = "luebeck.example", **more: str) -> tuple[str, ...]:
    """The keys that a node publishes."""
    keys = {
        "txtvers": "1",
        "org": organisation,
        "spiffe": f"spiffe://{organisation}/gateway/{node_id}",
        **more,
    }
    return tuple(f"{key}={value}" for key, value in keys.items())


def instance(label: str, **more: object) -> Instance:
    """An instance with the keys that it should have."""
    return Instance(label=label, txt=txt_of(label), **more)  # type: ignore[arg-type]  # fields of Instance


def free_port() -> int:
    """A loopback port that is free for UDP and TCP."""
    while True:
        port = demo.free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, suppress(OSError):
            udp.bind(("127.0.0.1", port))
            return port


class Bind9:
    """``zones`` are names, with what they hold beside SOA and NS.

    ``extra`` is configuration, ``options`` replaces ours, ``signed`` adds to the configuration of a zone.
    """

    def __init__(
        self,
        directory: Path,
        zones: Mapping[str, str],
        *,
        extra: str = "",
        options: str = "",
        signed: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.server = Server("127.0.0.1", free_port())
        self._zones = dict(zones)
        self._extra = extra
        self._options = options
        self._signed = dict(signed or {})
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        for zone, text in self._zones.items():
            (self.directory / f"{zone}.zone").write_text(_zone_file(text), encoding="utf-8")
        (self.directory / "named.conf").write_text(self._configuration(), encoding="utf-8")
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, also again after its death: it finds what was published."""
        assert NAMED is not None
        with (self.directory / "named.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                NAMED, "-g", "-n", "1", "-c", str(self.directory / "named.conf"), stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(START_WITHIN):
                await self._until_it_answers()
        except TimeoutError as error:
            raise AssertionError(
                (self.directory / "named.log").read_text(encoding="utf-8")[-4000:]
            ) from error

    async def _until_it_answers(self) -> None:
        query = dns.message.make_query("version.bind.", "TXT", "CH")
        while True:
            assert self._process is not None
            assert self._process.returncode is None, (self.directory / "named.log").read_text(
                encoding="utf-8"
            )
            try:
                await dns.asyncquery.tcp(query, self.server.host, port=self.server.port, timeout=1)
            except (OSError, EOFError, dns.exception.Timeout):
                await asyncio.sleep(0.05)
            else:
                return

    async def kill(self) -> None:
        """End it at once, as a machine that loses its power."""
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            await self._process.wait()

    @property
    def running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.returncode is None

    def freeze(self) -> None:
        """Let it take questions and answer none."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def publish(self, zone: str, *instances: Instance) -> None:
        """Add instances, or replace what they say."""
        update = self._update(zone)
        for one in instances:
            name = f"{one.label}.{SERVICE}"
            update.add(SERVICE, one.ttl, "PTR", f"{name}.{zone}.")
            update.replace(name, one.ttl, "SRV", f"{one.priority} {one.weight} {one.port} {one.host}.{zone}.")
            update.replace(name, one.ttl, "TXT", " ".join(f'"{text}"' for text in one.txt))
            update.delete(one.host)
            update.add(one.host, one.ttl, "AAAA" if ":" in one.address else "A", one.address)
        await self._send(update)

    async def withdraw(self, zone: str, *labels: str) -> None:
        """Remove instances with all that belongs to them."""
        update = self._update(zone)
        for label in labels:
            update.delete(SERVICE, "PTR", f"{label}.{SERVICE}.{zone}.")
            update.delete(f"{label}.{SERVICE}")
            update.delete(f"host-{label}")
        await self._send(update)

    async def change(self, zone: str, *, add: Sequence[str] = (), delete: Sequence[str] = ()) -> None:
        """Add records (``name ttl type data``) and delete all records of names."""
        update = self._update(zone)
        for name in delete:
            update.delete(name)
        for record in add:
            name, ttl, kind, data = record.split(maxsplit=3)
            update.add(name, int(ttl), kind, data)
        await self._send(update)

    @staticmethod
    def _update(zone: str) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(zone, keyring={KEY.name: KEY}, keyname=KEY.name)

    async def _send(self, update: dns.update.UpdateMessage) -> None:
        answer = await dns.asyncquery.tcp(update, self.server.host, port=self.server.port, timeout=10)
        assert answer.rcode() == dns.rcode.NOERROR, dns.rcode.to_text(answer.rcode())

    def _configuration(self) -> str:
        zones = "".join(
            f'zone "{zone}" {{ type primary; file "{zone}.zone"; allow-update {{ key tests; }};'
            f" {self._signed.get(zone, '')} }};\n"
            for zone in self._zones
        )
        return f"""
options {{
    directory "{self.directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {self.server.port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    notify no;
    key-directory "{self.directory}";
    {self._options or "recursion no; dnssec-validation no;"}
}};
controls {{ }};
key tests {{ algorithm hmac-sha256; secret "{TSIG}"; }};
{zones}
{self._extra}
"""


def _zone_file(text: str) -> str:
    return f"$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\nns A 127.0.0.1\n{text}"
