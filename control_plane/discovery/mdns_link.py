"""Listens and speaks on one interface, by zeroconf: what it hears goes into a view.

zeroconf calls from within the event loop, and its cache is bounded and forgets silently. So a call is only
noted, what was heard is kept in the view, and what the cache does not have any more is asked for again.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from zeroconf import (  # type: ignore[attr-defined]  # two of them are exported, if not in __all__
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    DNSQuestionType,
    ServiceInfo,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from control_plane.discovery.mdns_interface import Interface, UnusableError
from control_plane.discovery.mdns_view import MAX_SERVICES, SUFFIX, TYPE, Service, View, is_instance

_log = structlog.get_logger()

ASKERS = 8  # services that are asked for at the same time
ANSWER_WITHIN = 3000  # milliseconds
SETTLED = 1.2  # seconds after which a record that another one replaced is gone (RFC 6762, section 10.2)
MAX_CALLS = 100_000  # of zeroconf, for whatever name
_SLICE = 50  # services that are read before others get their turn
_QUERY, _PTR, _IN = 0, 12, 1


class Link:
    """What is heard and said while ``listen`` keeps it open. ``changed`` is called when the view has news."""

    def __init__(
        self, zeroconf: AsyncZeroconf, interface: Interface, view: View, changed: Callable[[], None]
    ) -> None:
        self.interface = interface
        self._zeroconf = zeroconf
        self._view = view
        self._changed = changed
        self._own = dict[str, ServiceInfo]()
        self._heard = dict[str, None]()  # what is to be read
        self._settling = dict[str, float]()  # what is to be read again, and when
        self._ready = asyncio.Event()
        self._calls = 0
        self.following: asyncio.Task[None] | None = None
        self._slow: asyncio.Queue[str] = asyncio.Queue(MAX_SERVICES)

    @property
    def worn(self) -> bool:
        """Whether it is time for another one: this one died, or zeroconf has too many plans.

        It plans a question for every name that it hears, and only its cache has a limit: a flood of names
        would have the plans grow for ever.
        """
        return self._calls >= MAX_CALLS or (self.following is not None and self.following.done())

    def query(self) -> None:
        """Ask everybody on the link who is there; the answers arrive within half a second."""
        out = DNSOutgoing(_QUERY, multicast=True)
        out.add_question(DNSQuestion(TYPE, _PTR, _IN))
        self._zeroconf.zeroconf.async_send(out)

    def read_all(self) -> None:
        """Read everything that is known again, and ask for what the cache has lost."""
        self._view.refill()
        self._heard |= dict.fromkeys(self._view.names)
        self._ready.set()

    async def advertise(self, services: Sequence[ServiceInfo]) -> None:
        """Announce these of our own, and no others any more."""
        wanted = {info.name: info for info in services}
        for name in self._own.keys() - wanted.keys():
            await self._zeroconf.async_unregister_service(self._own.pop(name))
        for name, info in wanted.items():
            before = self._own.get(name)
            self._own[name] = info
            if before is None:
                self._view.forget(name)  # whoever said so before: it is ourselves
                await self._zeroconf.async_register_service(info, cooperating_responders=True)
            elif before.text != info.text or before.addresses != info.addresses or before.port != info.port:
                await self._zeroconf.async_update_service(info)

    def hear(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        """Note what zeroconf says of a name; everything else waits for this call."""
        del zeroconf, service_type
        self._calls += 1
        now = asyncio.get_running_loop().time()
        if name in self._own:
            return
        if state_change is ServiceStateChange.Removed:
            self._view.goodbye(name, now)
            self._changed()
        elif self._view.admit(name) and not is_instance(name):
            self._view.refuse(name, "bad_instance", f"expected <instance>{SUFFIX}")
            self._purge(name)
            self._changed()
        elif self._view.admit(name):
            self._view.confirm(name)
            self._heard[name] = None
            self._settling.pop(name, None)
            self._settling[name] = now + SETTLED
            self._ready.set()
        else:
            self._changed()

    def _purge(self, name: str) -> None:
        """Take a name out of zeroconf's cache: it could not write its next question with it."""
        cache = self._zeroconf.zeroconf.cache
        cached = cache.async_get_unique(DNSPointer(TYPE, _PTR, _IN, 0, name))
        if cached:
            cache.async_remove_records([cached])

    async def follow(self) -> None:
        """Read what was heard; until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(ASKERS):
                group.create_task(self._ask(), name=f"mdns-ask-{number}")
            while True:
                await self._rest()
                for number in range(1, len(self._heard) + 1):
                    self._read(next(iter(self._heard)))
                    if not number % _SLICE:
                        await asyncio.sleep(0)

    async def _rest(self) -> None:
        """Until something was heard, or something has settled."""
        due = next(iter(self._settling.values()), None)
        try:
            async with asyncio.timeout_at(due):
                await self._ready.wait()
        except TimeoutError:
            pass  # it has settled
        self._ready.clear()
        now = asyncio.get_running_loop().time()
        while self._settling and next(iter(self._settling.values())) <= now:
            name = next(iter(self._settling))
            del self._settling[name]
            self._heard[name] = None

    def _read(self, name: str) -> None:
        """Take a service from zeroconf's cache, or have it asked for."""
        del self._heard[name]
        if not is_instance(name):
            return  # refused when it was heard
        info = AsyncServiceInfo(TYPE, name)
        if info.load_from_cache(self._zeroconf.zeroconf):
            self._tell(info)
        elif not self._slow.full():  # when it is full, the next reading of everything comes back to it
            self._slow.put_nowait(name)

    async def _ask(self) -> None:
        while True:
            name = await self._slow.get()
            info = AsyncServiceInfo(TYPE, name)
            try:
                heard = await info.async_request(self._zeroconf.zeroconf, ANSWER_WITHIN, DNSQuestionType.QM)
            except ZeroconfError:  # a host whose name cannot be asked for
                heard = False
            if heard:
                self._tell(info)
            elif self._view.give_up(name, asyncio.get_running_loop().time()):
                self._changed()

    def _tell(self, info: ServiceInfo) -> None:
        service = Service(
            name=info.name,
            port=info.port or 0,
            weight=info.weight,
            addresses=tuple(info.parsed_addresses()),
            txt=info.text,
        )
        if self._view.announce(service):
            self._changed()


@asynccontextmanager
async def listen(interface: Interface, view: View, changed: Callable[[], None]) -> AsyncIterator[Link]:
    """A link while it is open; UnusableError when it cannot be. At its end it says goodbye for our own."""
    zeroconf = _open(interface)
    try:
        _keep_to(zeroconf, interface)
        await zeroconf.zeroconf.async_wait_for_start()
        link = Link(zeroconf, interface, view, changed)
        # Multicast only: a unicast answer would go to whichever process on this machine has the port too.
        browser = AsyncServiceBrowser(
            zeroconf.zeroconf, TYPE, handlers=[link.hear], question_type=DNSQuestionType.QM
        )
        link.following = asyncio.create_task(link.follow(), name=f"mdns-{interface.name}")
        try:
            yield link
        finally:
            await _end(link.following)
            await browser.async_cancel()
    finally:
        await zeroconf.async_close()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task; what it died of is told, if it did."""
    task.cancel()
    await asyncio.wait({task})
    error = None if task.cancelled() else task.exception()
    if error:
        _log.error("listening to mDNS failed and begins anew", task=task.get_name(), exc_info=error)


def _open(interface: Interface) -> AsyncZeroconf:
    """Sockets on this interface alone; UnusableError when they cannot be had."""
    chosen: list[str | int | tuple[tuple[str, int, int], int]] = [*interface.v4]
    if interface.v6:
        chosen.append(interface.number)
    try:
        return AsyncZeroconf(interfaces=chosen)
    except (OSError, RuntimeError) as error:  # RuntimeError: the address is gone in the meantime
        raise UnusableError(f"cannot listen on {interface.name}: {error}") from error


def _keep_to(zeroconf: AsyncZeroconf, interface: Interface) -> None:
    """Take in nothing from other interfaces: Linux hands on whatever any process here has joined.

    zeroconf reads for the first time when the event loop is next at work, so nothing has been taken in yet.
    """
    if not hasattr(socket, "SO_BINDTODEVICE"):
        return
    engine = zeroconf.zeroconf.engine
    for opened in (engine._listen_socket, *engine._respond_sockets):  # noqa: SLF001 - later it is too late
        if opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
            empty(opened)  # of what came before


def empty(opened: socket.socket) -> None:
    """Read what has arrived at a socket; that is fewer datagrams than its buffer has bytes."""
    for _ in range(opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)):
        try:
            opened.recv(1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
