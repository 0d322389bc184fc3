"""The mDNS source (RFC 6762): who announces a gateway on the link of one interface.

An interface that goes away is a source that cannot see. When it is back, everything that was known is asked
for again, and what does not answer goes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from control_plane.discovery.mdns_advertise import Advertisement, service
from control_plane.discovery.mdns_interface import UnusableError, find
from control_plane.discovery.mdns_link import Link, listen
from control_plane.discovery.mdns_view import View
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Lost, Report

ANSWERS = 0.5  # seconds in which the answers to a question arrive
OPENING = 1.5  # seconds until everybody has heard our first questions and answered
GATHER = 0.1  # seconds in which news are told together
CHECK = 1.0  # seconds between looks at the interface
READ_AGAIN = 60.0  # seconds between readings of everything that is known
CONFIRM = 30.0  # seconds between reports where nothing happens


Advertised = Callable[[], Awaitable[Sequence[Advertisement]]]


async def nothing() -> Sequence[Advertisement]:
    """Announce nothing."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MdnsOptions:
    """One interface. ``advertised`` says what of ours is announced there; it is asked every second."""

    interface: str
    advertised: Advertised = nothing


class Mdns:
    """Implements ports.source.Source on the link of one interface."""

    kind = SourceKind.MDNS

    def __init__(self, options: MdnsOptions) -> None:
        self._interface = options.interface
        self._advertised = options.advertised
        self._news = asyncio.Event()
        self._asked = False

    @property
    def name(self) -> str:
        """``mdns:<interface>``."""
        return f"{self.kind}:{self._interface}"

    def look(self) -> None:
        """Ask everybody on the link, and report what is known when they had time to answer."""
        self._asked = True
        self._news.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Listen, and report what changes; for ever."""
        view = View()
        while True:
            try:
                interface = find(self._interface)
                async with listen(interface, view, self._news.set) as link:
                    await asyncio.sleep(OPENING)
                    link.read_all()
                    watch = _Watch(link, view, self._advertised)
                    while find(self._interface) == interface and not link.worn:
                        if await watch.next(self._news, asked=self._take_asked()):
                            yield view.report()
            except UnusableError as error:
                yield Lost(str(error))
                await _wait(self._news, CHECK)
                self._news.clear()

    def _take_asked(self) -> bool:
        asked, self._asked = self._asked, False
        return asked


class _Watch:
    """Decides when there is something to report."""

    def __init__(self, link: Link, view: View, advertised: Advertised) -> None:
        self._link = link
        self._view = view
        self._advertised = advertised
        self._clock = asyncio.get_running_loop().time
        self._reported: float | None = None
        self._read = self._clock()

    async def next(self, news: asyncio.Event, *, asked: bool) -> bool:
        """Wait for news, or a second; whether to report now."""
        wanted = [service(one, self._link.interface) for one in await self._advertised()]
        await self._link.advertise(wanted)
        if asked:
            self._link.query()
            await asyncio.sleep(ANSWERS)
        elif self._reported is not None:
            await self._rest(news)
        heard = news.is_set()
        if heard:
            await asyncio.sleep(GATHER)
        news.clear()
        now = self._clock()
        if now - self._read >= READ_AGAIN:
            self._link.read_all()
            self._read = now
        gone = self._view.pass_on(now)
        if asked or heard or gone or self._reported is None or now - self._reported >= CONFIRM:
            self._reported = now
            return True
        return False

    async def _rest(self, news: asyncio.Event) -> None:
        due = self._view.due
        await _wait(news, CHECK if due is None else max(0.0, min(CHECK, due - self._clock())))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass  # nothing happened, which is what the caller finds
