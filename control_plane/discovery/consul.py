"""The Consul source: blocking queries on the passing instances of one service in one datacentre."""

import asyncio
import random
from collections.abc import AsyncIterator

from control_plane.discovery import consul_parse
from control_plane.discovery.consul_http import Answer, Consul, ConsulError, ConsulOptions
from control_plane.kit.backoff import Backoff
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Lost, Report, Seen

APART = 0.05  # seconds between two questions, however fast the answers come
_SLOWEST = 0.5  # seconds between questions whose answers come at once and say nothing new
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0  # seconds after a failure
_IN_A_THREAD = 64 << 10  # bytes; what is larger is read without holding up the loop
_FILTERED = "X-Consul-Results-Filtered-By-ACLs"
_LEADER = "X-Consul-KnownLeader"
_INDEX = "X-Consul-Index"


class ConsulSource:
    """Implements ports.source.Source. ``options.datacenter`` is in its name, when it has one."""

    kind = SourceKind.CONSUL

    def __init__(self, options: ConsulOptions) -> None:
        self._options = options
        self.name = f"consul:{options.datacenter}" if options.datacenter else "consul"
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Ask from the beginning instead of waiting for a change."""
        self._wake.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Follow Consul for ever."""
        watch = _Watch(self._options, self._wake)
        try:
            while True:
                yield await watch.next()
        finally:
            await watch.close()


class _Watch:
    """One following of a source: its connection, and what has to be remembered between two questions."""

    def __init__(self, options: ConsulOptions, wake: asyncio.Event) -> None:
        self._options = options
        self._wake = wake
        self._consul: Consul | None = None
        self._index = 0
        self._last: Seen | None = None
        self._pause = 0.0
        self._failures = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        self._pace = Backoff(APART, _SLOWEST)

    async def next(self) -> Report:
        """Wait as long as one should, and ask. After a failure a new connection asks from the beginning."""
        await self._rest()
        try:
            seen = await self._ask()
        except (ConsulError, consul_parse.BadAnswerError) as error:
            await self.close()
            self._pause = self._failures.next(random.random())  # noqa: S311 - spreads callers, is no secret
            return Lost(str(error))
        self._failures.reset()
        return seen

    async def close(self) -> None:
        """End the connection."""
        consul, self._consul, self._index = self._consul, None, 0
        if consul is not None:
            await consul.close()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._pause):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _ask(self) -> Seen:
        loop = asyncio.get_running_loop()
        answer: Answer | None = None
        while answer is None:
            if self._wake.is_set():
                self._wake.clear()
                self._index = 0
            began = loop.time()
            answer = await self._unless_woken()
        self._index = consul_parse.next_index(answer.headers.get(_INDEX), self._index)
        seen = await _read(answer, self._options.service)
        waited = loop.time() - began >= 2 * _SLOWEST
        if waited or seen != self._last:
            self._pace.reset()
        self._last, self._pause = seen, APART if waited else self._pace.next(1.0)
        return seen

    async def _unless_woken(self) -> Answer | None:
        """The answer to the present question; None when ``look`` came before it."""
        asking = asyncio.create_task(self._question(), name="consul: question")
        waking = asyncio.create_task(self._wake.wait(), name="consul: look")
        try:
            await asyncio.wait({asking, waking}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()
            waking.cancel()
            await asyncio.gather(asking, waking, return_exceptions=True)

    async def _question(self) -> Answer:
        if self._consul is None:
            self._consul = await Consul.open(self._options)
        return await self._consul.service(self._index)


async def _read(answer: Answer, service: str) -> Seen:
    # A server that has just started knows nothing; that is not the same as nothing being there.
    if answer.headers.get(_LEADER, "true").lower() != "true":
        raise consul_parse.BadAnswerError("the server knows no leader, so what it says may be old")
    large = len(answer.body) > _IN_A_THREAD
    seen = (
        await asyncio.to_thread(consul_parse.read, answer.body) if large else consul_parse.read(answer.body)
    )
    if answer.headers.get(_FILTERED, "").lower() == "true" and not seen.candidates:
        raise consul_parse.BadAnswerError(
            f"the token may not read service {service}: give it service:read and node:read"
        )
    return seen
