"""Asks name servers: one after the other until one answers, over UDP, and over TCP what is long or many.

An instance belongs to one look: it remembers which server failed, and keeps connections until the look ends.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self, TypeVar

from control_plane.discovery.dns_answer import Answer, Found, find
from control_plane.discovery.dns_exchange import Server, StreamPool, exchange_datagram
from control_plane.discovery.dns_message import (
    Header,
    MessageError,
    Question,
    RecordType,
    ResponseCode,
    encode,
    header,
    records,
)
from control_plane.model.problem import InvalidValueError

DEADLINE = 5.0  # seconds for one question, whatever the servers do
DATAGRAM_WAIT = 1.25  # seconds until it is sent again, to the next server
STREAM_WAIT = 2.5
WORKERS = 64  # questions under way at once
FEW = 64  # questions that are worth a socket each; more of them go over connections
MAX_RECORDS = 512  # of an answer, unless it lists instances
SLICE = 64  # records that are read before others get their turn
MAX_ALIASES_ASKED = 4  # names that are asked one after the other because aliases lead there


_Item = TypeVar("_Item")


class Unanswered(Exception):  # noqa: N818 - it is the state of a question, not a fault of ours
    """No server said yes or no; the text is one clause for an operator."""


class Ask(Protocol):
    """Asks one question; Unanswered when it cannot be known, InvalidValueError for a loop of aliases."""

    async def __call__(self, question: Question) -> tuple[Found, Answer]:
        """The data, and the last message that it came from."""


class Asks(Protocol):
    """What one look asks with."""

    async def few(self, question: Question) -> tuple[Found, Answer]:
        """Ask in the way that suits a handful of questions."""

    async def many(self, question: Question) -> tuple[Found, Answer]:
        """Ask in the way that suits thousands of questions."""


class NameServers:
    """The name servers for one look; ``authentic`` accepts only what the resolver validated."""

    def __init__(self, servers: Sequence[Server], *, authentic: bool = False) -> None:
        self._servers = list(servers)
        self._authentic = authentic
        self._pools = {server: StreamPool(server) for server in servers}
        self._datagrams_only = set[Server]()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for pool in self._pools.values():
            await self._stack.enter_async_context(pool)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def few(self, question: Question) -> tuple[Found, Answer]:
        """Ask over UDP first."""
        return await follow(lambda asked: self._ask(asked, stream=False), question)

    async def many(self, question: Question) -> tuple[Found, Answer]:
        """Ask over connections that are kept."""
        return await follow(lambda asked: self._ask(asked, stream=True), question)

    @property
    def order(self) -> tuple[Server, ...]:
        """The servers as they are to be asked the next time: those that failed come last."""
        return tuple(self._servers)

    async def _ask(self, question: Question, *, stream: bool) -> Answer:
        reasons: dict[Server, str] = {}
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    for server in list(self._servers):
                        answer = await self._attempt(server, question, reasons, stream=stream)
                        if answer:
                            return answer
                    if not any(reason == _SILENT for reason in reasons.values()):
                        break
        except TimeoutError:
            pass  # what each server did is in the reasons
        said = "; ".join(f"{server} {reasons.get(server, _SILENT)}" for server in sorted(self._pools))
        raise Unanswered(said or "there is no name server to ask: set dns_servers")

    async def _attempt(
        self, server: Server, question: Question, reasons: dict[Server, str], *, stream: bool
    ) -> Answer | None:
        reasons[server] = _SILENT
        try:
            answer = await self._exchange(server, question, stream=stream)
        except TimeoutError:
            self._put_last(server)
        except OSError as error:
            reasons[server] = error.strerror.lower() if error.strerror else "is out of reach"
            self._put_last(server)
        except MessageError as error:
            reasons[server] = f"sends {error}"
        else:
            if answer.head.rcode not in {ResponseCode.NOERROR, ResponseCode.NXDOMAIN}:
                find(answer, question)  # raises for a loop: BIND 9 answers SERVFAIL and shows it
                reasons[server] = f"says {answer.head.rcode_text}"
            elif self._authentic and not answer.head.authentic:
                reasons[server] = "did not validate its answer (no AD), and dns_require_dnssec is set"
            else:
                return answer
        return None

    def _put_last(self, server: Server) -> None:
        """Have the other servers asked first from now on."""
        self._servers.remove(server)
        self._servers.append(server)

    async def _exchange(self, server: Server, question: Question, *, stream: bool) -> Answer:
        if stream and server not in self._datagrams_only:
            try:
                return await self._over_stream(server, question)
            except TimeoutError:
                raise  # one name may take long to find; it says nothing of the connection
            except OSError:
                self._datagrams_only.add(server)
        async with asyncio.timeout(DATAGRAM_WAIT):
            query = encode(question, secrets.randbits(16))
            wire, head = await exchange_datagram(server, query, question)
        if head.truncated:
            return await self._over_stream(server, question)
        return await _read(wire, head, browsing=question.rtype is RecordType.PTR)

    async def _over_stream(self, server: Server, question: Question) -> Answer:
        async with asyncio.timeout(STREAM_WAIT):
            wire = await self._pools[server].exchange(encode(question, secrets.randbits(16)))
        head = header(wire, question)
        if head.truncated:
            raise MessageError(
                "more than the 64 KB that a DNS message can hold: use several browsing domains"
            )
        return await _read(wire, head, browsing=question.rtype is RecordType.PTR)


async def follow(ask: Callable[[Question], Awaitable[Answer]], question: Question) -> tuple[Found, Answer]:
    """Ask, and ask again where an alias leads; InvalidValueError when that does not end."""
    asked = question
    for _ in range(MAX_ALIASES_ASKED):
        answer = await ask(asked)
        found = find(answer, asked)
        if found.further is None:
            return found, answer
        asked = Question(found.further, question.rtype)
    raise InvalidValueError("alias_loop", f"expected an end of the CNAMEs at {question.name}, got none")


async def each(items: Iterable[_Item], work: Callable[[_Item], Awaitable[None]]) -> None:
    """Do the work for every item, by a few workers that take from one iterator."""
    rest = iter(items)

    async def take() -> None:
        for item in rest:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            group.create_task(take(), name=f"dns-{number}")


_SILENT = "does not answer in time"


async def _read(wire: bytes, head: Header, *, browsing: bool) -> Answer:
    answer = Answer(head)
    if not browsing and sum(head.counts) > MAX_RECORDS:
        raise MessageError(f"more than {MAX_RECORDS} records")
    for number, record in enumerate(records(wire, head), start=1):
        answer.add(record)
        if not number % SLICE:
            await asyncio.sleep(0)
    return answer
