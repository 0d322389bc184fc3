"""Who is whose partner on the stage, what is offered, and who may use it."""

import asyncio
from typing import Any

from bench.partner import Authority
from control_plane.app.demo.organisation import Organisation, free_port
from tools.stage import Stage

TALLINN = "tallinn.example"
BY_HAND = {
    TALLINN: "trusted",
    "riga.example": "trusted",
    "stralsund.example": "trusted",
    "visby.example": "pending",
}
OURS = {
    "rates": {"kind": "grpc", "description": "exchange rates of the day"},
    "advisor": {"kind": "mcp", "description": "what the law of the sea says"},
}
WEEK = {"days": [1, 2, 3, 4, 5], "begins": "07:00", "ends": "18:00"}
GRANTS: tuple[dict[str, Any], ...] = (
    {"id": "bergen-tries-ledger", "resource": "ledger", "subject": "bergen.example", "shadow": True},
    {
        "id": "bergen-uses-rates",
        "resource": "rates",
        "subject": "bergen.example",
        "conditions": {"weekly": [WEEK]},
    },
    {
        "id": "luebeck-asks-advisor",
        "resource": "advisor",
        "subject": "luebeck.example",
        "capabilities": [{"tools": ["look_up", "summarise"]}],
    },
    {
        "id": "tallinn-reads-ledger",
        "resource": "ledger",
        "subject": f"spiffe://{TALLINN}/gateway/*",
        "capabilities": [{"methods": ["GET"], "path": "/entries"}],
    },
    {
        "id": "tallinn-uses-rates",
        "resource": "rates",
        "subject": TALLINN,
        "conditions": {"approval": "ticket-4711"},
    },
)


async def introduce(running: Stage) -> None:
    """Two partners that run, four that are known by hand, one that is invited; offers and grants."""
    novgorod, luebeck, bergen = running.novgorod, running.luebeck, running.bergen
    for partner in (luebeck, bergen):
        await _join(novgorod, partner)
    for name, state in BY_HAND.items():
        terms = {"organisation": name, "state": state, "bundle": Authority.of(name).anchor}
        await novgorod.post("/federation/agreements", terms)
    await novgorod.post("/federation/invites", {"organisation": "gdansk.example"})
    await _list_nodes(running)
    await _offer(running, luebeck, "orders", novgorod)
    await _offer(running, bergen, "stockfish", novgorod)
    await _offer(running, novgorod, "ledger", luebeck)
    await bergen.post("/federation/resources", {"name": "ledger", "organisation": novgorod.trust_domain})
    amber = {"name": "amber", "organisation": TALLINN, "nodes": ["tallinn-2"]}
    await novgorod.post("/federation/resources", amber)
    for name, more in OURS.items():
        own = {
            "name": name,
            "organisation": novgorod.trust_domain,
            "upstreams": [_address(running, "ledger")],
        }
        await novgorod.post("/federation/resources", own | more)
    for grant in GRANTS:
        await novgorod.post("/federation/grants", grant)


async def _join(inviter: Organisation, joiner: Organisation) -> None:
    invite = await inviter.post("/federation/invites", {"organisation": joiner.trust_domain})
    await joiner.post("/federation/join", {"token": invite["token"]})
    for own, partner in ((inviter, joiner), (joiner, inviter)):
        await own.post(f"/federation/agreements/{partner.trust_domain}/approve", {})


async def _list_nodes(running: Stage) -> None:
    """A file of nodes that nobody is at, and one that no gateway may be sent to."""
    named = [(f"tallinn-{number}", TALLINN, f"127.0.0.1:{free_port()}") for number in range(1, 5)]
    named += [("riga-1", "riga.example", f"127.0.0.1:{free_port()}")]
    named += [("stralsund-1", "stralsund.example", "169.254.169.254:443")]
    lines = (
        f'  - {{node_id: {name}, organisation: {organisation}, endpoints: ["{address}"]}}\n'
        for name, organisation, address in named
    )
    await asyncio.to_thread(running.nodes_file.write_text, "nodes:\n" + "".join(lines))


async def _offer(running: Stage, owner: Organisation, name: str, user: Organisation) -> None:
    resource = {"name": name, "organisation": owner.trust_domain}
    await owner.post("/federation/resources", resource | {"upstreams": [_address(running, name)]})
    await user.post("/federation/resources", resource)
    grant = {"id": f"{user.name}-uses-{name}", "resource": name, "subject": user.trust_domain}
    await owner.post("/federation/grants", grant)


def _address(running: Stage, service: str) -> dict[str, Any]:
    endpoint = running.services[service].endpoint
    if endpoint is None:
        raise LookupError(f"expected {service} to listen")
    return {"host": endpoint.host, "port": endpoint.port}
