"""The DNS-SD source (RFC 6763): looks at one domain again and again, as its TTLs ask for."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from dns.exception import DNSException
from dns.name import Name, from_text

from control_plane.discovery.dns_exchange import Server
from control_plane.discovery.dns_instance import BROWSING
from control_plane.discovery.dns_look import LOOK_DEADLINE, look
from control_plane.discovery.dns_memory import Memory
from control_plane.discovery.dns_servers import NameServers
from control_plane.discovery.dns_system import system_servers
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import MAX_SILENCE, Lost, Report

JITTER = 0.25  # seconds; a change is seen within its TTL and half a second
WAIT_MOST = MAX_SILENCE / 2 - LOOK_DEADLINE  # seconds; looking more often than a TTL asks for harms nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsOptions:
    """How to look at a domain. ``floor`` is the least time between two looks, in seconds.

    ``servers`` are asked in this order; without any, those of the machine.
    """

    domain: str
    servers: Sequence[Server] = ()
    floor: float = 1.0
    require_dnssec: bool = False


class DnsSd:
    """One domain. Everything that it lists is asked for anew at each look."""

    kind = SourceKind.DNS_SD

    def __init__(self, options: DnsOptions) -> None:
        self._options = options
        self._domain = parse_domain(options.domain)
        self._order: tuple[Server, ...] = ()  # of the last look: servers that failed come last
        self._wake = asyncio.Event()

    @property
    def name(self) -> str:
        """``dns-sd:<domain>``."""
        return f"{self.kind}:{self._domain.to_text(omit_final_dot=True)}"

    def look(self) -> None:
        """Look again at once."""
        self._wake.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Look, say what was seen, wait; for ever."""
        memory = Memory()
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            began = loop.time()
            async with NameServers(self._servers(), authentic=self._options.require_dnssec) as servers:
                seen = await look(servers, self._domain, memory.domains, memory.kept)
            self._order = servers.order
            report = await memory.report(seen, loop.time())
            yield report
            wait = pause(
                None if isinstance(report, Lost) else seen.ttl, self._options.floor, loop.time() - began
            )
            await self._sleep(wait + random.random() * JITTER)  # noqa: S311 - so that replicas do not march in step

    def _servers(self) -> list[Server]:
        """The servers to ask, as they fared the last time; those of the machine may have changed."""
        rank = {server: number for number, server in enumerate(self._order)}
        return sorted(self._options.servers or system_servers(), key=lambda server: rank.get(server, 0))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass  # nobody asked for a look earlier


def pause(ttl: float | None, floor: float, spent: float) -> float:
    """Seconds until the next look: the shortest TTL, and at least the floor and what the last look took."""
    return min(WAIT_MOST, max(floor, ttl or 0.0, spent))


def parse_domain(text: str) -> Name:
    """A domain that has room for names below it; ValueError says what is wrong with another."""
    try:
        name = from_text(text)
        BROWSING.concatenate(name)
    except DNSException as error:
        raise ValueError(f"expected a domain such as luebeck.example, got {text[:80]!r}: {error}") from error
    if len(name.labels) < 2 or not name.is_absolute():  # noqa: PLR2004 - the root alone has one label
        raise ValueError(f"expected a domain such as luebeck.example, got {text[:80]!r}")
    return name
