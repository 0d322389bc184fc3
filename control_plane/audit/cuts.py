"""The proof of a revocation: each gateway says when none of the old connections was left.

An agent asks what the latest cut is, and is answered when there is a new one; what it then sees of its Envoy
comes with its next question, and becomes one audit row for each partner that was cut.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Protocol

from pydantic import TypeAdapter, ValidationError

from control_plane.audit.events import event_id
from control_plane.model.agreement import Cut
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditStore
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError

REPORT = "/proxenia.gateway.v1.Agent/Report"
HOLD = 20.0  # seconds that a question waits for news
RECENT = timedelta(minutes=15)  # a cut longer ago is not said to be the report's
MAX_REPORT = 4096  # bytes


class Published(Protocol):
    """What the gateways should have by now."""

    @property
    def epoch(self) -> int:
        """How often connections had to be cut; -1 before anything was published."""

    def cuts(self) -> Mapping[TrustDomain, Cut]:
        """The last cut of each partner that had one."""

    async def until_cut(self, epoch: int) -> None:
        """Return when ``epoch`` is not the latest any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one Envoy was seen to do; times count from when the agent heard of the cut."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    epoch: int
    pushed_ms: float  # until it had the new configuration
    ago_ms: float  # since the last look
    connections_before: int
    connections_left: int

    def __post_init__(self) -> None:
        if not (0 <= self.pushed_ms < 1e12 and 0 <= self.ago_ms < 1e12):  # noqa: PLR2004 - thirty years
            raise InvalidValueError("bad_report", "expected times from 0, in milliseconds")
        if self.connections_before < 0 or self.connections_left < 0:
            raise InvalidValueError("bad_report", "expected numbers of connections from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    gateway: ObjectId
    epoch: int = -1  # the last that it has dealt with
    drained: Drained | None = None


_QUESTION = TypeAdapter(_Question)
_ANSWER = TypeAdapter(dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """``report`` is the handler of REPORT (ports/caller.py); ``closing`` ends every wait."""

    store: AuditStore
    published: Published
    own: TrustDomain
    clock: Callable[[], datetime]
    closing: asyncio.Event

    async def report(self, body: bytes, caller: Caller) -> bytes:
        """Take what is reported, then wait for news; JSON in, ``epoch`` and ``since_ms`` out.

        Raises InvalidValueError, ForbiddenError (another gateway's certificate) and UnavailableError.
        """
        question = _parse(body)
        expected = SpiffeId(f"spiffe://{self.own}/gateway/{question.gateway}")
        if caller.spiffe_id is not None and caller.spiffe_id != expected:
            raise ForbiddenError(f"expected the certificate of {expected}, got that of {caller.spiffe_id}")
        # A report that a further cut has overtaken would speak for that one too: the agent sends another.
        if question.drained is not None and question.drained.epoch == self.published.epoch:
            await self.store.append(list(self._events(question.gateway, question.drained)))
        await self._news(question.epoch)
        ages = [self._age(cut) for cut in self.published.cuts().values()]
        answer = {"epoch": self.published.epoch, "since_ms": _ms(min(ages, default=timedelta()))}
        return _ANSWER.dump_json(answer)

    async def _news(self, epoch: int) -> None:
        waits = [
            asyncio.create_task(self.published.until_cut(epoch), name="until a cut"),
            asyncio.create_task(self.closing.wait(), name="until the end"),
        ]
        try:
            await asyncio.wait(waits, timeout=HOLD, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _age(self, cut: Cut) -> timedelta:
        return max(timedelta(), self.clock() - datetime.fromtimestamp(cut.at, UTC))

    def _events(self, gateway: ObjectId, drained: Drained) -> Iterator[AuditEvent]:
        """A row for each partner, dated when the trust was taken back: repeated, it is stored once."""
        for organisation, cut in self.published.cuts().items():
            took = self._age(cut) - timedelta(milliseconds=drained.ago_ms)
            if took > RECENT:
                continue
            outcome = "open" if drained.connections_left else "closed"
            row = f"cut:{organisation}:{cut.number}:{outcome}"
            yield AuditEvent(
                event_id=event_id(gateway, row),
                reporter=gateway,
                row_id=row,
                timestamp=datetime.fromtimestamp(cut.at, UTC),
                event_type=EventType.NODE_REVOKED,
                principal=cut.by,
                principal_org=self.own,
                resource=organisation,
                action="connections.cut",
                decision="failed" if drained.connections_left else "allowed",
                reason=cut.what,
                metadata={
                    "number": str(cut.number),
                    "first_push_ms": f"{min(drained.pushed_ms, _ms(took)):.1f}",
                    "took_ms": f"{max(0.0, _ms(took)):.1f}",
                    "connections_before": str(drained.connections_before),
                    "connections_left": str(drained.connections_left),
                },
            )


def _ms(time: timedelta) -> float:
    return time / timedelta(milliseconds=1)


def _parse(body: bytes) -> _Question:
    if len(body) > MAX_REPORT:
        raise InvalidValueError("too_large", f"expected a report of at most {MAX_REPORT} bytes")
    try:
        return _QUESTION.validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole message"
        raise InvalidValueError(
            "bad_report", f"expected a gateway's report in JSON, got at {place}: {first['msg']}"
        ) from error
