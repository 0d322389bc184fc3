"""The story that the demo tells; each step holds or raises DemoError, and returns a line for people."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from control_plane.app.demo.organisation import DemoError, Organisation, eventually
from control_plane.app.demo.scene import Answer, Scene, introduce
from control_plane.app.demo.stranger import knock

ORDERS = "orders@luebeck.example"
STOCKFISH = "stockfish@bergen.example"
FAILURES_TO_OPEN = 5


def expect(what: str, expected: object, got: object) -> None:
    """Raise DemoError unless both are equal."""
    if expected != got:
        message = f"{what}: expected {expected}, got {got}"
        raise DemoError(message)


async def start(scene: Scene) -> str:
    """Processes come up, each organisation with its own CA, database, control plane and Envoys."""
    await asyncio.gather(*(organisation.ready() for organisation in scene.organisations))
    gateways = sum(len(organisation.sites) for organisation in scene.organisations)
    return f"3 organisations with their own CA and PostgreSQL, {gateways} Envoys connected"


async def agree(scene: Scene) -> str:
    """Operators exchange bundles and nodes; the gateways learn of it."""
    await introduce(scene)
    gateways: set[str] = set()  # of Luebeck that served one: each learns of the grant for itself

    async def served() -> bool:
        try:
            orders = await scene.call(scene.novgorod, ORDERS)
            stockfish = await scene.call(scene.novgorod, STOCKFISH)
        except aiohttp.ClientError:
            return False  # the listener is just being made
        if orders.status == 200:  # noqa: PLR2004 - OK
            gateways.add(_callers(orders).partition(";")[0])
        return stockfish.status == 200 and len(gateways) == len(scene.luebeck.sites)  # noqa: PLR2004 - OK

    await eventually("granted resources to be reachable", served)
    return "bundles, nodes, resources and grants exchanged; routes acknowledged by every Envoy"


async def granted(scene: Scene) -> str:
    """Novgorod may use Luebeck's orders."""
    answer = await scene.call(scene.novgorod, ORDERS, "/today")
    expect("novgorod calls orders@luebeck", 200, answer.status)
    caller = _callers(answer)
    if "URI=spiffe://novgorod.example/" not in caller:
        message = f"expected novgorod's identity at the service, got {caller!r}"
        raise DemoError(message)
    identity = caller.partition("URI=")[2].partition(";")[0]
    return f"novgorod → orders@luebeck: 200, and the service saw {identity}"


def _callers(answer: Answer) -> str:
    """What the service was told of whose certificate came to which gateway."""
    return str(json.loads(answer.body)["caller"])


async def denied(scene: Scene) -> str:
    """Bergen is a partner too, but has no grant."""
    served = scene.orders.requests
    answer = await scene.call(scene.bergen, ORDERS)
    expect("bergen calls orders@luebeck without a grant", 403, answer.status)
    expect("requests that reached the service", served, scene.orders.requests)
    return "bergen → orders@luebeck: 403, the service saw nothing"


async def stranger(scene: Scene) -> str:
    """A certificate of a CA that nobody trusts, in a partner's name, is refused in the handshake."""
    await knock(scene.luebeck.sites[0].ingress)

    async def audited() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (
            await scene.luebeck.get("/audit/events", event_type="handshake_failed")
        )["items"]
        return rows

    rows = await eventually("the refused handshake in luebeck's audit", audited)
    cause = rows[0]["reason"].rpartition("OPENSSL_internal:")[2].partition(":")[0]
    return f"a stranger in novgorod's name: refused in the handshake, and audited ({cause})"


async def audit(scene: Scene) -> str:
    """One request, seen from both sides."""
    answer = await scene.call(scene.novgorod, ORDERS, "/audited")
    correlation_id = json.loads(answer.body)["correlation_id"]
    ours, theirs = await asyncio.gather(
        _one_row(scene.novgorod, correlation_id), _one_row(scene.luebeck, correlation_id)
    )
    expect("the directions of the two rows", ("egress", "ingress"), (ours["direction"], theirs["direction"]))
    expect("luebeck's policy", "novgorod-uses-orders", theirs["policy_id"])
    return (
        f"correlation id {correlation_id}: novgorod wrote {_row(ours)} and luebeck wrote {_row(theirs)},"
        f" allowed by {theirs['policy_id']}"
    )


async def _one_row(organisation: Organisation, correlation_id: str) -> dict[str, Any]:
    async def rows() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (
            await organisation.get("/audit/events", correlation_id=correlation_id)
        )["items"]
        return items

    found = await eventually(f"{organisation.name}'s audit row", rows)
    expect(f"{organisation.name}'s rows for one request", 1, len(found))
    return found[0]


def _row(row: dict[str, Any]) -> str:
    return f"[{row['direction']} {row['resource']} {row['status']} {row['decision']}]"


async def node_killed(scene: Scene) -> str:
    """Luebeck's second node dies; nobody notices."""
    site = scene.luebeck.sites[1]
    await scene.luebeck.kill_site(site)
    answers = [await scene.call(scene.novgorod, ORDERS) for _ in range(40)]
    statuses = Counter(answer.status for answer in answers)
    scene.luebeck.start_site(site)
    expect("40 requests after a node was killed", {200: 40}, dict(statuses))
    return f"{site.gateway_id} killed: 40 of 40 requests served by {scene.luebeck.sites[0].gateway_id}"


async def circuit(scene: Scene) -> str:
    """Bergen has one node: after five failures the circuit opens, and closes when the service recovers."""

    async def opened() -> bool:  # a worker sees failures, and Envoy's main thread judges them a moment later
        return await scene.novgorod.stat(r"stockfish.*outlier_detection\.ejections_active$") == 1

    await _settle(scene)
    scene.stockfish.failing = True
    try:
        before = scene.stockfish.requests
        statuses = [await _status(scene) for _ in range(FAILURES_TO_OPEN)]
        await eventually("the circuit to open", opened)
        statuses += [await _status(scene) for _ in range(5)]
        reached = scene.stockfish.requests - before
    finally:
        scene.stockfish.failing = False
    expect("answers until and after the circuit opened", [500] * FAILURES_TO_OPEN + [503] * 5, statuses)
    expect("requests that reached the failing service", FAILURES_TO_OPEN, reached)
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def closed() -> bool:
        return await _status(scene) == 200  # noqa: PLR2004 - OK

    await eventually("the circuit to close", closed)
    waited = loop.time() - started
    return f"5 failures reached bergen, then 503 at once; served again {waited:.1f} s after it recovered"


async def _status(scene: Scene) -> int:
    return (await scene.call(scene.novgorod, STOCKFISH)).status


async def _settle(scene: Scene) -> None:
    """One success, so that no earlier failure counts."""
    expect("novgorod calls stockfish@bergen", 200, await _status(scene))


async def control_plane_killed(scene: Scene) -> str:
    """Traffic does not need the control planes; the audit catches up when they return."""
    answers: list[Answer] = []
    await scene.luebeck.connected()
    for organisation in (scene.novgorod, scene.luebeck):
        organisation.kill_control_plane()
    answers.extend([await scene.call(scene.novgorod, ORDERS, "/without-control-plane") for _ in range(100)])
    statuses = dict(Counter(answer.status for answer in answers))
    expect("100 requests while both control planes were dead", {200: 100}, statuses)
    last = json.loads(answers[-1].body)["correlation_id"]
    for organisation in (scene.novgorod, scene.luebeck):
        await organisation.ready_again()
        await _one_row(organisation, last)
    return (
        "both control planes killed: 100 of 100 requests served; they restarted and no audit row is missing"
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A named part of the story; the first line of ``run``'s docstring says what it shows."""

    name: str
    run: Callable[[Scene], Awaitable[str]]


STORY = (
    Step("start", start),
    Step("agree", agree),
    Step("granted", granted),
    Step("denied", denied),
    Step("stranger", stranger),
    Step("audit", audit),
    Step("node-killed", node_killed),
    Step("circuit", circuit),
    Step("control-plane-killed", control_plane_killed),
)
