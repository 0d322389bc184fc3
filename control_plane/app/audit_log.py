"""The audit as a log, put together: who signs, who seals, what is dropped when, and how it is verified."""

import asyncio
import secrets
import socket
from dataclasses import dataclass
from typing import Self

import structlog

from control_plane import __version__
from control_plane.app.own_trust import utc_now
from control_plane.app.refusals import GatewayRefusals
from control_plane.app.settings import Settings, SettingsError
from control_plane.audit.head_file import HeadFile
from control_plane.audit.heads import Judge, Signer
from control_plane.audit.retention import Retention, own_event
from control_plane.audit.seal import Sealer
from control_plane.audit.target import KEY_BYTES
from control_plane.audit.verify import Verification
from control_plane.model.problem import InvalidValueError
from control_plane.ports.certificates import OwnAuthority
from control_plane.ports.errors import UnavailableError
from control_plane.store.database import Database
from control_plane.store.embedded import dsn_of, owner_dsn_of
from control_plane.trust.files import check_private, write_private

DIRECTORY = "audit"  # in the state directory
QUERY_KEY = "query.key"
_SAY_WITHIN = 2.0  # seconds that a stopping control plane takes to say so

_log = structlog.get_logger(__name__)


def open_database(settings: Settings, authority: OwnAuthority) -> Database:
    """The database; what the audit stores in it is signed by our control plane."""
    signer = Signer(credentials=lambda: authority.server_credentials(now=utc_now()))
    if settings.database_url:
        return Database(settings.database_url, owner=settings.database_owner_url, sign=signer.or_nothing)
    state = settings.state_dir
    return Database(dsn_of(state), owner=owner_dsn_of(state), sign=signer.or_nothing)


def query_key(settings: Settings) -> bytes:
    """What query strings are hashed with, made at first use; empty: nothing of them is kept.

    Raises SettingsError when others may have read it.
    """
    if settings.audit_query == "drop":
        return b""
    path = settings.state_dir / DIRECTORY / QUERY_KEY
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, secrets.token_bytes(KEY_BYTES))
    try:
        check_private(path)
    except InvalidValueError as error:
        raise SettingsError([error.detail]) from error
    return path.read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogParts:
    """What runs beside the rest."""

    settings: Settings
    database: Database
    sealer: Sealer
    retention: Retention
    judge: Judge
    refusals: GatewayRefusals

    @classmethod
    def of(cls, settings: Settings, database: Database, authority: OwnAuthority) -> Self:
        """Put together; nothing runs yet."""
        own = settings.trust_domain
        judge = Judge(bundle=authority.bundle, now=utc_now)
        sealer = Sealer(
            own=own,
            log=database.audit_log,
            sign=Signer(credentials=lambda: authority.server_credentials(now=utc_now())),
            judge=judge,
            singleton=database.singleton,
            file=HeadFile(settings.state_dir / DIRECTORY),
            now=utc_now,
        )
        retention = Retention(
            own=own,
            store=database.audit,
            log=database.audit_log,
            singleton=database.singleton,
            days=settings.audit_days,
            now=utc_now,
        )
        return cls(
            settings=settings,
            database=database,
            sealer=sealer,
            retention=retention,
            judge=judge,
            refusals=GatewayRefusals.of(own, database),
        )

    def verification(self) -> Verification:
        """A verification of the whole log, which has not begun."""
        return Verification(
            own=self.settings.trust_domain,
            reader=self.database.audit_reader,
            judge=self.judge,
            known=tuple(self.sealer.file.last()),
        )

    async def witnessed(self) -> list[bytes]:
        """Our heads that partners have countersigned."""
        return [held.head for side, held in await self.database.heads.all() if side == "ours"]

    async def run(self) -> None:
        """Say that the control plane runs, then seal and retire until cancelled."""
        await self._say("control-plane.start")
        async with asyncio.TaskGroup() as group:
            group.create_task(self.sealer.run(), name="audit seal")
            group.create_task(self.retention.run(), name="audit retention")
            group.create_task(self.refusals.run(), name="refused gateways")

    async def stopped(self) -> None:
        """Say that the control plane ends; what cannot be said any more is in the log of the process."""
        try:
            async with asyncio.timeout(_SAY_WITHIN):
                await self._say("control-plane.stop")
        except TimeoutError:
            _log.warning("audit_stop_not_said", reason="the database does not answer in time")

    async def _say(self, action: str) -> None:
        event = own_event(
            self.settings.trust_domain, action, socket.gethostname(), at=utc_now(), version=__version__
        )
        try:
            await self.database.audit.append([event])
        except (UnavailableError, InvalidValueError) as error:
            _log.warning("audit_not_said", action=action, reason=str(error))
