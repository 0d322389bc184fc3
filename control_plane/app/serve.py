"""``proxenia serve``: the control plane, composed of its parts and run until a signal ends it."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from control_plane import __version__
from control_plane.admin.app import create_app
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.serve import AdminSocketError, Serving, Tcp, serve_admin
from control_plane.admin.token_watch import watching
from control_plane.admin.tokens import Role, TokenFile, new_token
from control_plane.app.audit_log import AuditLogParts, open_database, query_key
from control_plane.app.discovery import Discovery
from control_plane.app.fitness import FitnessWatch
from control_plane.app.listening import parse_listen
from control_plane.app.own_trust import credentials, follow_files, open_authority, rotating, utc_now, watch
from control_plane.app.partnership import Partnership
from control_plane.app.settings import Settings, SettingsError
from control_plane.app.traces import trace
from control_plane.app.tuning import tuning_of
from control_plane.app.up import prepare_state
from control_plane.app.validation import trial_of
from control_plane.audit.cuts import REPORT, Cuts
from control_plane.audit.receive import SHIP, Receiver
from control_plane.audit.verifying import Verifier
from control_plane.ports.caller import Caller
from control_plane.ports.certificates import OwnAuthority
from control_plane.ports.errors import UnavailableError
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.judge import Judge
from control_plane.reconcile.loop import Loop
from control_plane.store.database import Database
from control_plane.translate.clusters import nothing
from control_plane.translate.names import IMPORT_PREFIX
from control_plane.trust.enrol import HELLO, RENEWAL, Enrolment
from control_plane.trust.isolation import Isolation
from control_plane.trust.rotate import Rotating
from control_plane.xds.board import Board
from control_plane.xds.gateways import Gateways
from control_plane.xds.identity import Admission
from control_plane.xds.lazy import Lazy
from control_plane.xds.listen import Listen, ListenError
from control_plane.xds.server import Rules, Server

_log = structlog.get_logger()

TOKENS = "tokens.json"  # in the directory of sockets, which is its owner's alone
DATABASE_RETRY = 0.2  # seconds
COLLECT = (20_000, 20, 100)  # objects, and younger collections, between two of the garbage collector


@dataclass(frozen=True, slots=True)
class Parts:
    """The control plane, put together but not running."""

    settings: Settings
    database: Database
    authority: OwnAuthority
    board: Board
    federator: Federator
    loop: Loop
    partnership: Partnership | None
    discovery: Discovery
    rotating: Rotating | None  # None where our anchors are handed in
    fitness: FitnessWatch
    gateways: Gateways
    audit_log: AuditLogParts

    @classmethod
    def of(cls, settings: Settings) -> "Parts":
        """Open what is on disk; raises SettingsError when the authority cannot be used."""
        authority = open_authority(settings, now=utc_now())
        database = open_database(settings, authority)
        tuning = tuning_of(settings)
        board = Board(Lazy(IMPORT_PREFIX, nothing) if tuning.on_demand else None)
        federator = Federator(settings.trust_domain, tuning)
        loop = Loop(database.objects, board, federator, trial=trial_of(settings, tuning))
        partnership = Partnership.of(settings, database, authority, now=utc_now)
        anchors = rotating(settings, authority, database, tuning=tuning)
        discovery = Discovery.of(settings, database, federator, now=utc_now)
        fitness = FitnessWatch.of(database, federator, tuning, partnership)
        audit_log = AuditLogParts.of(settings, database, authority)
        core = (settings, database, authority, board, federator, loop)
        return cls(
            *(*core, partnership, discovery, anchors, fitness),
            gateways=Gateways(database.deliveries, replica=socket.gethostname()),
            audit_log=audit_log,
        )

    def waiting(self) -> tuple[str, ...]:
        """What readiness waits for."""
        if not self.loop.ready.is_set():
            return ("the first read of the database",)
        return ("the database",) if self.loop.degraded else ()

    def server(self, closing: asyncio.Event) -> Server:
        """The server for our gateways; ``closing`` ends the questions that wait for news."""
        settings = self.settings
        lifetime = timedelta(hours=settings.leaf_hours)
        enrolment = Enrolment(
            self.database.objects,
            self.authority,
            self.database.audit,
            self.database.issued,
            settings.trust_domain,
            utc_now,
            lifetime,
        )
        seen = self.fitness.observations.take
        receiver = Receiver(
            self.database.audit,
            own=settings.trust_domain,
            clock=utc_now,
            query_key=query_key(settings),
            stored=seen,
        )
        return Server(
            self.board,
            self.gateways,
            listen=Listen(
                settings.run_dir / "xds.sock",
                settings.xds_listen,
                partial(credentials, self.authority) if settings.xds_listen else None,
            ),
            rules=Rules(
                Admission(settings.trust_domain, self._may_connect),
                {
                    HELLO: enrolment.hello,
                    RENEWAL: enrolment.renewal,
                    SHIP: receiver.ship,
                    REPORT: self.cuts(closing).report,
                },
                refused=self.audit_log.refusals.told,
            ),
        )

    def cuts(self, closing: asyncio.Event) -> Cuts:
        """Where gateways report what they cut."""
        return Cuts(
            store=self.database.audit,
            published=self.loop,
            own=self.settings.trust_domain,
            clock=utc_now,
            closing=closing,
        )

    def _may_connect(self, caller: Caller, gateway: str) -> bool:
        """Over TCP a certificate is not enough: a gateway that was removed stays out."""
        return caller.spiffe_id is None or self.federator.registered(gateway)

    def dependencies(self) -> Dependencies:
        """What the admin API works with."""
        return Dependencies(
            own=self.settings.trust_domain,
            version=__version__,
            objects=self.database.objects,
            audit=self.database.audit,
            deliveries=self.database.deliveries,
            overview=self.loop,
            fitness=self.fitness.observations,
            tokens=TokenFile(self.settings.run_dir / TOKENS),
            anchors=self.authority.anchors,
            counts=self.federator.counts,
            waiting=self.waiting,
            verifying=Verifier(self.audit_log.verification, self.audit_log.witnessed),
            clients=self.settings.admin_roles,
            scheme="https" if self.settings.admin_certificate_file else "http",
            address=self.settings.admin_listen,
            expiries=watch(self.settings, self.authority, self.database),
            statistics=self.database.statistics,
            minutes=self.database.minutes,
            following=self.database.following,
            rotations=self.rotating,
            peering=self.partnership.parts if self.partnership else None,
            audits=self.partnership.audits if self.partnership else None,
            discovery=self.discovery.parts,
            history=self.database.history,
            answers=self.database.answers,
            shadows=self.database.shadows,
            look=self.database.look,
            streams=self.gateways,
            judging=Judge(self.federator.world, self.federator.exports),
            isolation=Isolation(
                own=self.settings.trust_domain, overlay=self.loop.overlay, busy=asyncio.Lock()
            ),
        )


async def run(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; 0 when it ended in order."""
    prepare_state(settings)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    parts = Parts.of(settings)
    try:
        async with parts.database:
            await serve(parts, stop)
    except (AdminSocketError, ListenError) as error:
        raise SettingsError([str(error)]) from error
    return 0


async def serve(parts: Parts, stop: asyncio.Event) -> None:
    """Run ``parts`` until ``stop``; the database is open."""
    endless = [asyncio.create_task(_when_migrated(parts.database, parts.loop.run), name="loop")]
    endless.append(asyncio.create_task(_when_ready(parts, parts.discovery.run), name="discovery"))
    endless.append(asyncio.create_task(_when_ready(parts, parts.fitness.run), name="fitness"))
    endless.append(asyncio.create_task(_when_ready(parts, parts.audit_log.run), name="audit log"))
    if parts.partnership:
        endless.append(asyncio.create_task(_when_ready(parts, parts.partnership.run), name="partnership"))
    if parts.rotating:
        endless.append(asyncio.create_task(_when_ready(parts, parts.rotating.run), name="rotation"))
    files = asyncio.create_task(follow_files(parts.authority), name="handed-in files")
    tasks = [*endless, files, asyncio.create_task(_when_ready(parts, _opener(parts)), name="board")]
    async with AsyncExitStack() as stack:
        closing = asyncio.Event()
        server = parts.server(closing)
        await server.start()
        stack.push_async_callback(server.stop)
        stack.callback(closing.set)
        await stack.enter_async_context(_admin(parts))
        _log.info("control plane started", trust_domain=parts.settings.trust_domain, version=__version__)
        waiting = asyncio.create_task(stop.wait(), name="signal")
        try:
            done, _ = await asyncio.wait([waiting, *endless], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, *tasks):
                task.cancel()
            await asyncio.wait([waiting, *tasks])
            await parts.audit_log.stopped()
        for task in done - {waiting}:
            task.result()  # the loop only ends by a defect: say it, and let the supervisor start us again


def _admin(parts: Parts) -> AbstractAsyncContextManager[Serving]:
    settings = parts.settings
    socket_path = settings.run_dir / "admin.sock"
    deps = parts.dependencies()
    app = create_app(deps)
    app.cleanup_ctx.append(watching(deps))
    trace(app, settings)
    if not settings.admin_listen:
        return serve_admin(app, socket_path)
    _first_token(settings)
    endpoint = parse_listen(settings.admin_listen)
    tls = settings.admin_tls(parts.authority.anchors)
    return serve_admin(app, socket_path, tcp=Tcp(host=endpoint.host, port=endpoint.port, tls=tls))


def _first_token(settings: Settings) -> None:
    """Make a token when there is none: it is shown this once, and only its hash is kept."""
    path = settings.run_dir / TOKENS
    if not path.exists():
        token = new_token(path, name="first", role=Role.ADMIN)
        print(f"token of the admin API on {settings.admin_listen} (shown once): {token}", file=sys.stderr)  # noqa: T201 - for the operator


async def _when_migrated(database: Database, then: Callable[[], Awaitable[None]]) -> None:
    """Bring the schema up to date as soon as there is a database, then go on."""
    while True:
        try:
            await database.migrate()
            break
        except UnavailableError:
            await asyncio.sleep(DATABASE_RETRY)  # the change feed has said why
    await then()


async def _when_ready(parts: Parts, then: Callable[[], Awaitable[None]]) -> None:
    """Go on when the database has been read."""
    await parts.loop.ready.wait()
    await then()


def _opener(parts: Parts) -> Callable[[], Awaitable[None]]:
    async def open_board() -> None:
        """Answer gateways only when everything that they should have is on the board."""
        parts.board.open()
        # What was loaded stays: looking through all of it for garbage again and again would hold up the loop.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)

    return open_board
