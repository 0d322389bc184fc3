"""The store as a whole: what ``app`` opens and hands to the parts."""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from control_plane.ports.audit_log import Sign
from control_plane.store.answers import PostgresAnswerKeys
from control_plane.store.audit import PostgresAudit
from control_plane.store.audit_following import PostgresFollowing
from control_plane.store.audit_log import PostgresAuditLog
from control_plane.store.audit_minutes import PostgresMinutes
from control_plane.store.audit_reader import PostgresLogReader
from control_plane.store.audit_statistics import PostgresStatistics
from control_plane.store.certificates import PostgresIssued, PostgresTraffic
from control_plane.store.crossings import PostgresCrossings
from control_plane.store.deliveries import PostgresDeliveries
from control_plane.store.discovery import PostgresSources
from control_plane.store.feed import Feed
from control_plane.store.heads import PostgresHeads
from control_plane.store.history import PostgresHistory
from control_plane.store.look import PostgresLook
from control_plane.store.migrate import migrate
from control_plane.store.objects import PostgresObjects
from control_plane.store.own_heads import PostgresOwnHeads
from control_plane.store.partners import PostgresBundleStates, PostgresPartners
from control_plane.store.peering import PostgresInvitations
from control_plane.store.pool import Pool
from control_plane.store.reconciliations import PostgresReconciliations
from control_plane.store.shadow import PostgresShadowCounts
from control_plane.store.singleton import PostgresSingleton

_log = structlog.get_logger()


class Database:
    """An async context manager: inside it the repositories work and the change feed listens.

    ``owner`` is how the schema's owner connects, if that is another role; ``sign`` signs what the audit
    stores. Opening connects to nothing. ``migrate`` comes first, once; repeat it while it raises
    UnavailableError.
    """

    def __init__(self, dsn: str, *, owner: str = "", sign: Sign | None = None) -> None:
        self._dsn = dsn
        self._owner = owner
        self._pool = Pool(dsn)
        self._feed = Feed(dsn)
        self._listening: asyncio.Task[None] | None = None
        self.objects = PostgresObjects(self._pool, self._feed)
        self.audit = PostgresAudit(self._pool, sign=sign)
        self.audit_log = PostgresAuditLog(self._pool)
        self.audit_reader = PostgresLogReader(self._pool)
        self.answers = PostgresAnswerKeys(self._pool)
        self.look = PostgresLook(self._pool)
        self.history = PostgresHistory(self._pool)
        self.shadows = PostgresShadowCounts(self._pool)
        self.deliveries = PostgresDeliveries(self._pool)
        self.issued = PostgresIssued(self._pool)
        self.traffic = PostgresTraffic(self._pool)
        self.invitations = PostgresInvitations(self._pool)
        self.partners = PostgresPartners(self._pool)
        self.bundle_states = PostgresBundleStates(self._pool)
        self.sources = PostgresSources(self._pool)
        self.singleton = PostgresSingleton(dsn)
        self.following = PostgresFollowing(self._pool)
        self.statistics = PostgresStatistics(self._pool)
        self.minutes = PostgresMinutes(self._pool)
        self.crossings = PostgresCrossings(self._pool)
        self.own_heads = PostgresOwnHeads(self._pool)
        self.heads = PostgresHeads(self._pool)
        self.reconciliations = PostgresReconciliations(self._pool)

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        self._listening = asyncio.create_task(self._feed.run(), name="change-feed")
        self._listening.add_done_callback(_say_why)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self._pool.__aexit__(kind, error, trace)

    async def migrate(self) -> None:
        """Bring the schema to this version; see ``store.migrate``."""
        await migrate(self._dsn, owner=self._owner)

    async def check(self) -> None:
        """Raise UnavailableError when the database does not answer."""
        await self._pool.check()


def _say_why(task: asyncio.Task[None]) -> None:
    """Only a defect ends the feed early; followers then live on polling, and the log says so."""
    if not task.cancelled():
        _log.error("the change feed has ended", exc_info=task.exception())
