"""The admin API over a filled database, a process of its own: ``python -m bench.api_server DSN DIRECTORY``.

Beside the API, ``/lag`` tells for how long at most the event loop did not come round since the last question.
"""

import asyncio
import gc
import signal
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time, thread_time

from aiohttp import web

from bench.api_parts import expiries, fitness, peering, streams
from control_plane.admin.app import create_app
from control_plane.admin.dependencies import AuditParts, DiscoveryParts
from control_plane.admin.serve import serve_admin
from control_plane.admin.token_entries import MAX_TOKENS, Entry, digest, locked, write
from control_plane.admin.tokens import Role, TokenFile
from control_plane.app.serve import COLLECT
from control_plane.pki.in_force import in_force
from control_plane.plan.world import World as Federated
from control_plane.reconcile.judge import Judge
from control_plane.store.database import Database
from tests.unit.admin.world import OWN, World, certificate

ITEMS = 10_000  # of what is in memory
STEP = 0.002  # seconds between two looks at the clock


class Lag:
    """How late the event loop is at most: by the clock, and by what this thread computed meanwhile.

    The first also counts what other processes of the machine take.
    """

    def __init__(self) -> None:
        self._late = self._busy = 0.0

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            before, computed = perf_counter(), thread_time()
            await asyncio.sleep(STEP)
            self._late = max(self._late, perf_counter() - before - STEP)
            self._busy = max(self._busy, thread_time() - computed)

    async def tell(self, _: web.Request) -> web.Response:
        """The most since the last question, in milliseconds."""
        late, busy = self._late, self._busy
        self._late = self._busy = 0.0
        return web.json_response(
            {"late_ms": late * 1000, "busy_ms": busy * 1000, "cpu_ms": process_time() * 1000}
        )


def make_tokens(path: Path) -> None:
    """As many as a file may have."""
    made = "2026-01-01T00:00:00+00:00"
    with locked(path):
        write(
            path,
            [
                Entry(name=f"t-{n:05}", role=Role.VIEWER, sha256=digest(str(n)), created_at=made)
                for n in range(MAX_TOKENS)
            ],
        )


async def main(dsn: str, directory: Path) -> None:
    """Serve until SIGTERM; says ``ready`` on standard output."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    make_tokens(directory / "tokens.json")
    async with Database(dsn) as database:
        federated = Federated(OWN, in_force)
        federated.apply((await database.objects.changes(0)).items)
        world = World(directory, database=database)
        world.anchors = (certificate(OWN)[0],)
        audits = AuditParts(
            reconciling=world.reconciling,
            reports=database.reconciliations,
            offering=world.offering,
            heads=database.heads,
        )
        watch = expiries(database, directory)
        await watch.all()
        deps = replace(
            world.dependencies(),
            audits=audits,
            judging=Judge(federated, {}),
            tokens=TokenFile(directory / "tokens.json"),
            peering=peering(database),
            expiries=watch,
            fitness=fitness(ITEMS),
            streams=streams(ITEMS),
            discovery=DiscoveryParts(sources=database.sources, names=(), conflicts=lambda: ()),
        )
        app, lag = create_app(deps), Lag()
        gc.collect()  # as the control plane does when it has read the store
        gc.freeze()
        gc.set_threshold(*COLLECT)
        app.router.add_get("/lag", lag.tell)
        watching = asyncio.create_task(lag.watch())
        async with serve_admin(app, directory / "run" / "admin.sock"):
            print("ready", flush=True)
            await stop.wait()
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
