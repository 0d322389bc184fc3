"""A gateway's directory and a control plane that stores, both in this process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from control_plane.audit.receive import Receiver
from control_plane.gateway.checkpoints import Checkpoints
from control_plane.gateway.connection import Connection, RefusedError
from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.positions import Position
from control_plane.gateway.ship import Shipper
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.caller import Caller
from control_plane.ports.errors import UnavailableError
from tests.fakes.audit import FakeAudit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class DirectConnection(Connection):
    """Hands requests to the receiver; ``trouble`` says when an answer, or the request itself, is lost."""

    def __init__(self, audit: FakeAudit) -> None:
        self.audit = audit
        self.receiver = Receiver(audit, own=TrustDomain("luebeck.example"), clock=lambda: NOW)
        self.trouble: list[str] = []

    async def call(self, method: str, request: bytes, *, within: float = 0.0) -> bytes:
        del within
        assert method == "Ship"
        trouble = self.trouble.pop() if self.trouble else ""
        if trouble == "request":
            raise UnavailableError("the request was lost")
        try:
            answer = await self.receiver.ship(request, Caller(None))
        except InvalidValueError as error:
            raise RefusedError(f"INVALID_ARGUMENT {error.code}: {error.detail}") from error
        if trouble == "answer":
            raise UnavailableError("the answer was lost")
        return answer


@dataclass
class Site:
    directory: Path
    audit: FakeAudit = field(default_factory=FakeAudit)

    def __post_init__(self) -> None:
        self.connection = DirectConnection(self.audit)
        self.log = LogFiles(self.directory, "access")
        self.start_agent()

    def start_agent(self) -> None:
        """Begin as a new process does: with what is on the disk."""
        self.checkpoints = Checkpoints(self.directory / "agent.json")
        self.checkpoints.load()
        self.shipper = Shipper(
            "gw-1", self.connection, logs=[self.log], checkpoints=self.checkpoints, ask=self.ask
        )

    def restore_database(self, audit: FakeAudit) -> None:
        self.audit = audit
        trouble = self.connection.trouble
        self.connection = DirectConnection(audit)
        self.connection.trouble = trouble
        self.start_agent()

    async def ask(self) -> Mapping[str, Position]:
        return {
            point.stream: Position(point.file, point.offset) for point in await self.audit.checkpoints("gw-1")
        }

    async def ship_all(self) -> None:
        """Ship until nothing is left, through whatever trouble is set."""
        for _ in range(1000):
            try:
                if not await self.shipper.ship_next(self.log):
                    return
            except (UnavailableError, RefusedError):
                continue
        raise AssertionError("shipping made no end")

    def write(self, text: str) -> None:
        with (self.directory / "access.jsonl").open("a") as file:
            file.write(text)
