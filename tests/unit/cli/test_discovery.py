"""``proxenia discover`` against a real API over fakes."""

import asyncio

from control_plane.cli.discovery import _difference
from control_plane.model.change import Kind
from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind
from control_plane.ports.discovery import Findings
from control_plane.ports.objects import Write
from tests.fakes.values import held
from tests.unit.admin.world import World
from tests.unit.cli.conftest import Terminal


async def _discovered(world: World) -> None:
    one = held("lb-1", source="consul")
    await world.objects.write([Write(Kind.SIGHTING, one.key, one)], actor="discovery")
    refused = Problem("consul: 'x\x1b'", "own_domain", "expected another")
    findings = Findings(nodes=1, refused_by_code={"own_domain": 1}, refused=(refused,))
    await world.sources.seen("consul", SourceKind.CONSUL, findings)
    await world.sources.lost("dns-sd:luebeck.example", SourceKind.DNS_SD, "it is \x1b[31mdown")


def test_discover_shows_what_is_seen_and_who_cannot_see(terminal: Terminal) -> None:
    asyncio.run(_discovered(terminal.world))

    result = terminal.run("discover", "--timeout", "0")

    assert result.exit_code == 0
    assert "lb-1@luebeck.example" in result.stdout
    assert "consul" in result.stdout
    assert "dns-sd:luebeck.example cannot see: it is" in result.stderr


def test_discover_shows_how_sources_fare_without_control_characters(terminal: Terminal) -> None:
    asyncio.run(_discovered(terminal.world))

    text = terminal.good("discover", "--sources")

    assert "refused (own_domain)" in text
    assert "lost" in text
    assert "\x1b" not in text


def test_watching_names_what_changed_in_a_line() -> None:
    old = {
        "node_id": "a",
        "organisation": "b.example",
        "endpoints": [{"host": "192.0.2.1", "port": 1}],
        "status": "online",
        "sources": ["mdns"],
        "trust_level": "untrusted",
    }

    assert _difference(None, old) == "a@b.example appeared: 192.0.2.1:1 by mdns"
    assert _difference(old, None) == "a@b.example gone: 192.0.2.1:1 by mdns"
    assert _difference(old, old) == ""
    assert "status online -> offline" in _difference(old, {**old, "status": "offline"})
