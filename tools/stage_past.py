"""What happened on the stage: traffic, a denial, services that fail, trust taken back, audits compared."""

import asyncio
from datetime import UTC, datetime, timedelta
from math import sin

import asyncpg

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.store.server_files import ADMIN, ServerFiles
from tools.stage import Stage

ORDERS, STOCKFISH = "orders@luebeck.example", "stockfish@bergen.example"
LEDGER, AMBER = "ledger@novgorod.example", "amber@tallinn.example"
LAST = "/orders/59"
BEAT = 5.0  # seconds
_TAMPERED = (  # in Lübeck's database, behind the back of its triggers
    "DELETE FROM audit_events WHERE metadata->>'path' = '/orders/41'",
    """UPDATE audit_events SET metadata = metadata || '{"path": "/orders/99"}'
       WHERE metadata->>'path' = '/orders/42'""",
)


async def live(running: Stage, minutes: float) -> None:
    """A past of so many minutes, and then everything that can go wrong at once."""
    novgorod, luebeck, bergen = running.novgorod, running.luebeck, running.bergen
    await eventually("requests to pass both ways", lambda: _passes(running), within=40)
    for beat in range(int(minutes * 60 / BEAT)):
        await _traffic(running, beat)
        await asyncio.sleep(BEAT)
    await running.call(novgorod, ORDERS, "/orders/{}", times=60)  # the last is LAST
    await running.call(luebeck, LEDGER, "/entries", times=25)
    await running.call(bergen, LEDGER, "/entries", times=4)
    await _take_back(running)
    await _compare(running)
    running.services["stockfish"].failing = True
    await running.call(novgorod, STOCKFISH, "/cod", times=12)
    await running.call(novgorod, AMBER, "/", times=8)
    drained = "/federation/nodes/tallinn-4@tallinn.example/drain"
    await novgorod.post(drained, {"reason": "its disks are replaced"})
    await novgorod.post("/federation/rotation", {})
    await _told(novgorod, 2, "event_type=circuit_opened")
    await _told(novgorod, 1, "decision=denied")


async def go_on(running: Stage) -> None:
    """What works goes on, until this is cancelled: nodes that nothing is heard of are unknown soon."""
    while True:
        await running.call(running.novgorod, ORDERS, "/orders", times=2)
        await running.call(running.luebeck, LEDGER, "/entries", times=2)
        await asyncio.sleep(BEAT)


async def _told(own: Organisation, number: int, query: str) -> None:
    """Wait until so many events are in the audit."""

    async def are_there() -> bool:
        return len((await own.get(f"/audit/events?{query}"))["items"]) >= number

    await eventually(f"{number} with {query} in the audit", are_there, within=40)


async def _passes(running: Stage) -> bool:
    await running.call(running.novgorod, ORDERS)
    await running.call(running.novgorod, STOCKFISH)
    await running.call(running.luebeck, LEDGER, "/entries", site=1)
    wanted = "decision=allowed&event_type=cross_org_request"
    rows = (await running.novgorod.get(f"/audit/events?{wanted}"))["items"]
    seen = {(row["resource"], row["direction"]) for row in rows}
    return {(ORDERS, "egress"), (STOCKFISH, "egress"), (LEDGER, "ingress")} <= seen


async def _traffic(running: Stage, beat: int) -> None:
    """More and less of it, as days have it."""
    await running.call(running.novgorod, ORDERS, "/orders", times=12 + int(10 * sin(beat / 20)))
    await running.call(running.luebeck, LEDGER, "/entries", times=5 + int(4 * sin(beat / 33)), site=beat % 2)
    await running.call(running.novgorod, STOCKFISH, "/cod", times=2)
    if beat % 25 == 0:
        await running.call(running.bergen, LEDGER, "/entries")


async def _take_back(running: Stage) -> None:
    """A node that has open connections, for a while; an organisation for good; another is paused."""
    novgorod = running.novgorod
    await running.call(running.luebeck, LEDGER, "/entries", times=5, site=1)
    agreements, node = "/federation/agreements", "/federation/nodes/luebeck-2@luebeck.example"
    for number, (path, reason) in enumerate(
        (
            (f"{node}/revoke", "its key may have been copied"),
            (f"{agreements}/stralsund.example/revoke", "the key of their root was lost"),
            (f"{agreements}/riga.example/pause", "their audit is under way"),
        )
    ):
        await novgorod.post(path, {"reason": reason})
        await _told(novgorod, number + 1, "event_type=node_revoked")
    await novgorod.post(f"{node}/reinstate", {"reason": "it has a new key"})


async def _compare(running: Stage) -> None:
    """With Bergen, which agrees, and with Lübeck, whose database somebody touched."""

    async def complete() -> bool:
        sides = (running.luebeck, running.novgorod)
        newest = [await own.get("/audit/events", resource=ORDERS, limit="100") for own in sides]
        return all(any(row["metadata"].get("path") == LAST for row in page["items"]) for page in newest)

    await eventually("both sides to have every row", complete, within=40)
    connection = await asyncpg.connect(ServerFiles.of(running.luebeck.state_dir).dsn(role=ADMIN))
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in _TAMPERED:
            await connection.execute(statement)
    finally:
        await connection.close()
    now = datetime.now(UTC)
    interval = {"since": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat()}
    for partner in (running.bergen, running.luebeck):
        await running.novgorod.post(
            "/audit/reconciliations", {"organisation": partner.trust_domain, **interval}
        )
