"""What goes wrong, made to go wrong: each function is the cause of alerts that it names."""

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import timedelta

import aiohttp
import asyncpg

from control_plane.app.demo.organisation import Organisation, Site, free_port
from control_plane.app.own_trust import utc_now
from control_plane.store.server_files import ADMIN, ServerFiles
from tests.integration.metrics.watched import Watched
from tests.unit.pki.minting import NOW, authority, chain_pem, crl_pem, mint

BERGEN = "bergen.example"
FURS, STOCK, ORDERS = "furs.bergen.example", "stock.novgorod.example", "orders.luebeck.example"
SOON = timedelta(hours=20)
_LOG = ("audit_heads", "audit_seals", "audit_batches", "audit_events", "audit_witnessed")
_WITHIN = aiohttp.ClientTimeout(total=5)


async def partner_in_trouble(watched: Watched) -> None:
    """AnchorEndsSoon, RevocationListEndsSoon, and for who calls it: PartnerHasWrongIdentity, CircuitOpen.

    Its only node is said to be where Luebeck's gateway is.
    """
    novgorod = watched.partners.novgorod
    root = mint(authority("bergen root", f"spiffe://{BERGEN}", end=NOW + SOON))
    trusted = {"organisation": BERGEN, "state": "trusted", "bundle": chain_pem(root)}
    await novgorod.post("/federation/agreements", trusted)
    lists = {"crls": crl_pem(root, end=NOW + SOON / 2)}
    await novgorod.put(f"/federation/bundles/{BERGEN}/crls", lists)
    node = {
        "node_id": "bergen-1",
        "organisation": BERGEN,
        "spiffe_id": f"spiffe://{BERGEN}/gateway/bergen-1",
        "endpoints": [{"host": "127.0.0.1", "port": watched.partners.luebeck.sites[0].ingress}],
    }
    await novgorod.post("/federation/nodes", node)
    await novgorod.post("/federation/resources", {"name": "furs", "organisation": BERGEN})


async def partner_that_asks_too_much(watched: Watched) -> None:
    """PartnerOverLimit, for who then calls ``STOCK`` from Luebeck."""
    luebeck, novgorod = watched.partners.organisations
    upstream = watched.partners.upstream.endpoint
    assert upstream
    resource = {"name": "stock", "organisation": novgorod.trust_domain}
    address = {"host": upstream.host, "port": upstream.port}
    await novgorod.post("/federation/resources", resource | {"upstreams": [address]})
    grant = {"id": "luebeck-uses-stock", "resource": "stock", "subject": luebeck.trust_domain}
    await novgorod.post("/federation/grants", grant)
    await luebeck.post("/federation/resources", resource)


async def gateway_that_refuses(watched: Watched) -> tuple[Site, socket.socket]:
    """ConfigurationRefused: another program has the port of its listener."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    metrics = {"PROXENIA_GATEWAY_METRICS_LISTEN": f"127.0.0.1:{free_port()}"}
    site = Site("novgorod-2", egress=taken.getsockname()[1], more=metrics)
    watched.partners.novgorod.start_site(site)
    return site, taken


async def stir(watched: Watched, done: asyncio.Event) -> None:
    """Traffic that fails: it goes on until ``done``, since alerts look at what increases."""
    watched.partners.upstream.failing = True
    luebeck, novgorod = watched.partners.organisations
    async with aiohttp.ClientSession(timeout=_WITHIN) as session:
        while not done.is_set():
            for _ in range(6):
                await _call(session, novgorod, FURS)
                await _call(session, novgorod, ORDERS)
                await _call(session, luebeck, STOCK)
                await _without_certificate(novgorod)
            await asyncio.sleep(0.2)


async def _call(session: aiohttp.ClientSession, caller: Organisation, host: str) -> None:
    with suppress(aiohttp.ClientError, TimeoutError):
        url = f"http://127.0.0.1:{caller.sites[0].egress}/"
        async with session.get(url, headers={"host": host}) as answer:
            await answer.read()


async def _without_certificate(organisation: Organisation) -> None:
    """CallersRefused: somebody who knocks without a certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, ssl.SSLError):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", organisation.sites[0].ingress, ssl=context
        )
        with suppress(OSError, ssl.SSLError):
            await asyncio.wait_for(reader.read(1), 2)  # TLS 1.3 refuses only after the handshake
        writer.close()


async def lines_that_are_lost(watched: Watched) -> None:
    """AuditGap: somebody empties a gateway's log under it."""
    site = watched.partners.novgorod.sites[0]
    log = watched.partners.novgorod.state_dir / "gateway" / site.gateway_id / "log" / "access.jsonl"
    await asyncio.to_thread(os.truncate, log, 0)


_REMOVED = """
DELETE FROM audit_events WHERE event_id = (
    SELECT event_id FROM audit_events
    WHERE resource = 'orders@luebeck.example' AND direction = 'egress' AND status = 500
    ORDER BY timestamp LIMIT 1)
RETURNING correlation_id"""  # the oldest: Luebeck has it, too


async def row_that_is_removed(watched: Watched) -> None:
    """AuditsDiffer: Novgorod's row of a request is deleted, and the audits are compared.

    There may be more: lines that were lost, and rows of requests that go on meanwhile.
    """
    removed = await _tamper(watched, _REMOVED)
    luebeck = watched.partners.luebeck.trust_domain
    interval = {"since": (utc_now() - timedelta(hours=1)).isoformat(), "until": utc_now().isoformat()}
    asked = {"organisation": luebeck, **interval}
    report = await watched.partners.novgorod.post("/audit/reconciliations", asked)
    found = {each["correlation_id"]: each["outcome"] for each in report["differences"]}
    assert found.get(str(removed)) == "only_theirs", (removed, report)


async def log_that_is_replaced(watched: Watched) -> None:
    """AuditHeadRefused: Luebeck's audit begins anew, as another log."""
    luebeck = watched.partners.luebeck
    dsn = ServerFiles.of(luebeck.state_dir).dsn(role=ADMIN)
    await _execute(
        dsn,
        "UPDATE audit_log SET id = gen_random_uuid()",
        *(
            f"DELETE FROM {table}"  # noqa: S608 - names of ours
            for table in _LOG
        ),
    )
    luebeck.kill_control_plane()
    await luebeck.ready_again()


async def time_that_passes(watched: Watched) -> None:
    """AuditsNotCompared, LeafEndsSoon: hours go by, and nothing is compared and nothing is renewed."""
    await _tamper(
        watched,
        "UPDATE audit_reconciliations SET until = until - interval '4 hours'",
        "UPDATE gateway_certificates SET not_after = not_after - interval '20 hours'",
    )


async def _tamper(watched: Watched, *statements: str) -> object:
    return await _execute(ServerFiles.of(watched.directory / "database").dsn(role=ADMIN), *statements)


async def _execute(dsn: str, *statements: str) -> object:
    """What the last statement answers."""
    answer: object = None
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET session_replication_role = replica")
        for statement in statements:
            answer = await connection.fetchval(statement)
    finally:
        await connection.close()
    return answer
