"""A log in a real database: stored, signed and sealed as the control plane does it, one step at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from control_plane.audit.head_file import HeadFile
from control_plane.audit.heads import Judge, Signer
from control_plane.audit.seal import Edge, Sealer
from control_plane.audit.verify import Verification
from control_plane.model.audit import AuditEvent
from control_plane.store.database import Database
from tests.fakes.values import audit_event
from tests.unit.peering.world import LUEBECK, Organisation

WITHOUT_TRIGGERS = "SET session_replication_role = replica"


def now() -> datetime:
    return datetime.now(UTC)


def event(number: int, *, at: datetime | None = None) -> AuditEvent:
    """The ``number``-th row of today."""
    moment = at or now().replace(hour=12, minute=0, second=0, microsecond=0)
    return replace(audit_event(number), timestamp=moment + timedelta(seconds=number % 3600))


@dataclass
class Ledger:
    """``url`` is the application's way into the database, ``admin`` the superuser's."""

    database: Database
    url: str
    admin: str
    organisation: Organisation
    file: "Heads"
    _edge: Edge | None = field(default=None)

    @classmethod
    def signer(cls, organisation: Organisation) -> Signer:
        credentials = organisation.credentials()
        return Signer(credentials=lambda: credentials)

    @property
    def judge(self) -> Judge:
        return Judge(bundle=lambda: self.organisation.bundle, now=now)

    @property
    def sealer(self) -> Sealer:
        return Sealer(
            own=LUEBECK,
            log=self.database.audit_log,
            sign=self.signer(self.organisation),
            judge=self.judge,
            singleton=self.database.singleton,
            file=self.file,
            now=now,
        )

    async def seal(self, *, at: datetime | None = None) -> bytes:
        """Seal everything that is there; the last head."""
        sealer = self.sealer
        if at is not None:
            sealer.now = lambda: at
        edge, more = await sealer.edge(), True
        while more:
            edge, more = await sealer.step(edge)
        return edge.signed

    async def fill(self, *sizes: int, seal: bool = True, first: int = 1) -> None:
        """Store batches of these sizes, and seal each."""
        for size in sizes:
            await self.database.audit.append([event(number) for number in range(first, first + size)])
            first += size
            if seal:
                await self.seal()

    async def verify(self, *, known: Sequence[bytes] = ()) -> Verification:
        """Verify everything."""
        made = Verification(
            own=LUEBECK,
            reader=self.database.audit_reader,
            judge=self.judge,
            known=[*self.file.last(), *known],
        )
        await made.begin()
        while await made.step():
            pass
        return made

    async def tamper(self, *statements: str) -> None:
        """Change the database as its superuser, past every right and trigger."""
        connection = await asyncpg.connect(self.admin)
        try:
            await connection.execute(WITHOUT_TRIGGERS)
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement)
        finally:
            await connection.close()


class Heads(HeadFile):
    """Our heads outside of the database, which a test may leave without any."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._forgotten = 0

    def forget(self) -> None:
        """As if nothing had been written down."""
        self._forgotten = len(super().last())

    def last(self, count: int = 1000) -> list[bytes]:
        return super().last(count)[self._forgotten :]


def head_file(directory: Path) -> Heads:
    return Heads(directory / "audit")
