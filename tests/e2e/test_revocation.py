"""Taking trust back: from a certificate, from a node, from an organisation; and the proof that it is gone."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import WSMsgType

from control_plane.app.demo.organisation import Organisation, eventually
from tests.e2e.conftest import room
from tests.e2e.revocation import Load, Stage, connections, stage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three() -> AsyncIterator[Stage]:
    with room() as directory:
        async with stage(directory) as made:
            yield made


async def until_status(three: Stage, caller: Organisation, wanted: int) -> None:
    async def is_so() -> bool:
        try:
            return await three.call(caller) == wanted
        except aiohttp.ClientError:
            return False  # its own gateway is being started again

    await eventually(f"{caller.name} to get {wanted}", is_so, within=20)


async def serial_of(three: Stage, caller: Organisation) -> str:
    """The serial number of its gateway's certificate, as Luebeck's audit has it."""
    identity = f"spiffe://{caller.trust_domain}/gateway/{caller.sites[0].gateway_id}"

    async def found() -> str:
        rows = (await three.luebeck.get("/audit/events", principal=identity))["items"]
        return str(rows[0]["peer_serial"]) if rows else ""

    return await eventually(f"{caller.name} in the audit", found)


async def replace_certificate(organisation: Organisation) -> None:
    """As its operators would: a new certificate, and no connection that was begun with the old one."""
    site = organisation.sites[0]
    file = organisation.state_dir / "gateway" / site.gateway_id / "sds" / "own.json"
    before = file.read_bytes()
    organisation.kill_agent()  # the next one asks for a new certificate

    async def replaced() -> bool:
        return file.read_bytes() != before

    await eventually("another certificate", replaced)
    os.kill(organisation.envoy_pid(site), signal.SIGKILL)  # its agent starts it again


async def closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Until the application sees that it ended: its own gateway waits a second for it to hang up first."""
    message = await socket.receive(timeout=10)
    assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR}


async def test_a_revoked_certificate_is_denied_until_it_is_replaced(three: Stage) -> None:
    serial = await serial_of(three, three.bergen)

    path = f"/federation/agreements/{three.bergen.trust_domain}/certificates/{serial}/revoke"
    answer = await three.luebeck.post(path, {"reason": "lost"})
    await until_status(three, three.bergen, 403)
    proof = await three.proof(three.bergen)
    others = await three.call(three.novgorod)
    await replace_certificate(three.bergen)

    assert answer["revoked_serials"] == [serial]
    assert answer["revocation"]["what"] == f"certificate {serial}"
    assert proof["connections_left"] == 0
    assert others == 200
    await until_status(three, three.bergen, 200)


async def test_a_revoked_node_is_denied_until_an_operator_reinstates_it(three: Stage) -> None:
    node = f"{three.bergen.sites[0].gateway_id}@{three.bergen.trust_domain}"

    answer = await three.luebeck.post(f"/federation/nodes/{node}/revoke", {})
    await until_status(three, three.bergen, 403)
    again = await three.luebeck.patch(f"/federation/nodes/{node}", {"enabled": True})
    proof = await three.proof(three.bergen)
    still = await three.call(three.bergen)
    await three.luebeck.post(f"/federation/nodes/{node}/reinstate", {})

    assert not answer["enabled"]
    assert again["enabled"]
    assert proof["connections_left"] == 0
    assert still == 403
    await until_status(three, three.bergen, 200)


async def test_a_revoked_organisation_is_out_and_nobody_else_notices(three: Stage) -> None:
    envoy, port = three.novgorod.envoy_pid(three.novgorod.sites[0]), three.luebeck.sites[0].ingress
    into = await three.socket(three.novgorod, "orders.luebeck.example")
    out = await three.socket(three.luebeck, "stock.novgorod.example")
    async with Load(three, three.novgorod).running() as theirs, Load(three, three.bergen).running() as others:
        await asyncio.sleep(1)
        began = time.monotonic()
        path = f"/federation/agreements/{three.novgorod.trust_domain}/revoke"
        await three.luebeck.post(path, {"reason": "over"})
        answered = time.monotonic()
        await asyncio.gather(closed(into), closed(out))
        await asyncio.sleep(max(0.0, answered + 2 - time.monotonic()))

    proof = await three.proof(three.novgorod)
    own = await three.call(three.luebeck, "stock.novgorod.example")
    await asyncio.sleep(max(0.0, began + proof["took_ms"] / 1000 - time.monotonic()))
    left = connections(envoy, port)

    figures = {
        "first_refusal_ms": 1000 * (theirs.first_refusal - answered),
        "last_served_ms": 1000 * (theirs.last_served - answered),
        "streams_cut_ms": [1000 * (end - began) for end in three.service.ended],
        "others_served": len(others.answers),
        **proof,
    }
    sys.stdout.write(f"\n{figures}\n")  # with pytest -s
    assert theirs.first_refusal - answered < 0.1
    assert theirs.last_served - answered < 1
    assert others.statuses == {200}
    assert proof["connections_left"] == left == 0
    assert len(three.service.ended) == 2
    assert max(three.service.ended) - began < proof["took_ms"] / 1000 + 0.1
    assert own == 503
    rows = (await three.luebeck.get("/audit/events", event_type="node_revoked"))["items"]
    assert rows[0]["resource"] == three.novgorod.trust_domain
    assert rows[0]["metadata"]["connections_left"] == "0"
