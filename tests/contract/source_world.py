"""What the contract suite of sources needs: a place that it can change, break and spoil, and a reader."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from control_plane.model.sighting import Candidate, RawEndpoint
from control_plane.ports.source import Lost, Report, Seen, Source

SOON = 10.0  # seconds: what a test waits at most; every source's own interval is far longer
END_WITHIN = 1.0  # seconds, as ports/source.py promises
MAX_REASON = 300  # characters that an operator reads in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One node as a partner publishes it; every kind of place can say at least this much."""

    node_id: str
    organisation: str = "luebeck.example"
    host: str = "192.0.2.7"
    port: int = 8443
    version: str = "1.4"
    region: str = "eu-north"
    resources: tuple[str, ...] = ("orders", "stock")

    @property
    def spiffe_id(self) -> str:
        """The node's identity."""
        return f"spiffe://{self.organisation}/gateway/{self.node_id}"


class World(Protocol):
    """One kind of place, real or double, and a source that looks at it every minute or less often."""

    @property
    def rubbish(self) -> tuple[str, ...]:
        """The sorts of nonsense that this place can be made to answer."""

    async def start(self) -> None:
        """Begin empty, and reachable."""

    async def stop(self) -> None:
        """End whatever was started."""

    async def put(self, record: Record) -> None:
        """Publish a node, or change what is published of it."""

    async def remove(self, node_id: str) -> None:
        """Publish it no longer."""

    async def break_off(self) -> None:
        """Be out of reach, as a server that died."""

    async def fall_silent(self) -> None:
        """Take questions and answer none; a place that cannot do this breaks off."""

    async def spoil(self, rubbish: str) -> None:
        """Answer with this sort of nonsense."""

    async def mend(self) -> None:
        """Be reachable and truthful again, with what is published."""

    def source(self) -> Source:
        """A new source that looks here."""


def said(candidate: Candidate) -> Record:
    """What a candidate says, as the record that it was made from."""
    first = candidate.endpoints[0]
    assert candidate.spiffe_id == f"spiffe://{candidate.organisation}/gateway/{candidate.node_id}"
    return Record(
        node_id=candidate.node_id,
        organisation=candidate.organisation,
        host=first.host,
        port=first.port,
        version=candidate.version,
        region=candidate.region,
        resources=candidate.resources,
    )


def lists(*records: Record) -> Callable[[Report], bool]:
    """Whether a report has exactly these nodes, in whatever order."""
    wanted = sorted(records, key=lambda record: record.node_id)

    def check(report: Report) -> bool:
        if not isinstance(report, Seen):
            return False
        return sorted(map(said, report.candidates), key=lambda record: record.node_id) == wanted

    return check


def is_lost(report: Report) -> bool:
    """Whether the source says that it cannot see."""
    return isinstance(report, Lost)


def check_sound(report: Report) -> None:
    """Whatever a source was fed, what it says has the promised types."""
    if isinstance(report, Lost):
        assert report.reason.strip()
        assert report.reason.isprintable()
        assert len(report.reason) <= MAX_REASON
        return
    assert isinstance(report, Seen)
    for candidate in report.candidates:
        assert isinstance(candidate, Candidate)
        assert all(isinstance(endpoint, RawEndpoint) for endpoint in candidate.endpoints)
    assert all(problem.code and problem.subject for problem in report.refused)


class Reader:
    """Follows a source in a task of its own, as the runner does; nothing of what it says is lost."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reports: asyncio.Queue[Report | BaseException] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="reader")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cancel()

    async def _follow(self) -> None:
        try:
            async for report in self._source.reports():
                self._reports.put_nowait(report)
        except Exception as error:  # noqa: BLE001 - whatever came out is told by the test that reads next
            self._reports.put_nowait(error)
        else:
            self._reports.put_nowait(AssertionError("expected reports for ever, got an end of them"))

    async def cancel(self, *, within: float = SOON) -> None:
        """Cancel the source: it has to end ``within`` so many seconds."""
        assert self._task is not None
        self._task.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=within)
        assert done, f"expected the source to end within {within:g} s of its cancellation"

    async def next(self) -> Report:
        """The next report, which is sound."""
        async with asyncio.timeout(SOON):
            report = await self._reports.get()
        if isinstance(report, BaseException):
            raise report
        check_sound(report)
        return report

    async def until(self, holds: Callable[[Report], bool]) -> Report:
        """The first report from here on of which ``holds`` is true."""
        latest: Report | None = None
        try:
            async with asyncio.timeout(SOON):
                while True:
                    latest = await self.next()
                    if holds(latest):
                        return latest
        except TimeoutError as error:
            raise AssertionError(f"expected another report in time, the last was {latest}") from error

    def forget(self) -> None:
        """Leave out what was said up to now."""
        while not self._reports.empty():
            check_sound_or_raise(self._reports.get_nowait())


def check_sound_or_raise(report: Report | BaseException) -> None:
    """Nothing that is left out may be an error."""
    if isinstance(report, BaseException):
        raise report
    check_sound(report)
