"""Discovered nodes beside those that were added, and the sources that speak of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.model.change import Kind
from control_plane.model.held import Held
from control_plane.model.identity import SpiffeId
from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind
from control_plane.ports.discovery import Findings
from control_plane.ports.objects import Mode, Write
from tests.fakes.values import MOMENT, held
from tests.unit.admin.world import PARTNER, World, node, resource

NODES = "/api/v1/federation/nodes"
SOURCES = "/api/v1/federation/sources"
DISCOVER = "/api/v1/federation/discover"
DNS = "dns-sd:luebeck.example"
REFUSED = Problem("consul: 'x'", "own_domain", "expected another organisation than our own", "find out")
FOUND = Findings(nodes=1, left_out=2, refused_by_code={"own_domain": 3}, refused=(REFUSED,))


def said(name: str, source: str = DNS, **changes: object) -> Held:
    return replace(held(name, source=source), **changes)  # type: ignore[arg-type] # replace checks the names


async def put(world: World, *every: Held) -> None:
    await world.objects.write([Write(Kind.SIGHTING, one.key, one) for one in every], actor="discovery")


async def test_nodes_are_listed_in_one_order_whoever_speaks_of_them(world: World) -> None:
    for name in ("a", "a.b", "b"):
        await world.call("POST", NODES, node(name))
    await put(world, said("a"), said("a-b"), said("a-b", "consul"), said("c"), said("a0", "a source"))

    whole = await world.call("GET", NODES)
    pages, after = [], ""
    while after is not None:
        page = await world.call("GET", NODES, params={"limit": "1", "after": after})
        pages += page.document["items"]
        after = page.document["next"]

    keys = [item["node_id"] for item in whole.document["items"]]
    assert keys == ["a-b", "a.b", "a0", "a", "b", "c"]  # by node_id@organisation, and @ follows digits
    assert pages == whole.document["items"]
    sources = {item["node_id"]: item["sources"] for item in pages}
    assert sources["a"] == ["manual", DNS]
    assert sources["a-b"] == ["consul", DNS]


async def test_a_list_of_one_organisation_has_its_discovered_nodes(world: World) -> None:
    await put(world, said("a"))

    theirs = await world.call("GET", NODES, params={"organisation": PARTNER})
    others = await world.call("GET", NODES, params={"organisation": "hamburg.example"})

    assert [item["node_id"] for item in theirs.document["items"]] == ["a"]
    assert others.document["items"] == []


async def test_a_discovered_node_says_since_when_and_until_when_it_was_seen(world: World) -> None:
    await put(world, said("a"))
    await world.sources.seen(DNS, SourceKind.DNS_SD, FOUND)

    shown = await world.call("GET", f"{NODES}/a@{PARTNER}")
    by_id = await world.call("GET", f"{NODES}/{shown.document['id']}")

    assert shown.document["status"] == "online"
    assert shown.document["discovered_at"] == "2026-03-01T12:00:00Z"
    assert shown.document["last_seen"] > shown.document["discovered_at"]
    assert by_id.document == shown.document


async def test_what_was_stored_after_the_last_look_was_seen_when_it_was_discovered(world: World) -> None:
    await world.sources.seen(DNS, SourceKind.DNS_SD, FOUND)
    await put(
        world, said("a", since=MOMENT + timedelta(days=36_500))
    )  # the look that found it is not noted yet

    shown = await world.call("GET", f"{NODES}/a@{PARTNER}")

    assert shown.document["last_seen"] == shown.document["discovered_at"] == "2126-02-05T12:00:00Z"


async def test_a_node_is_online_while_somebody_who_can_see_says_so(world: World) -> None:
    await put(world, said("a"))

    async def status() -> tuple[str, str | None]:
        shown = await world.call("GET", f"{NODES}/a@{PARTNER}")
        return shown.document["status"], shown.document["last_seen"]

    assert await status() == ("unknown", None)
    await world.sources.lost(DNS, SourceKind.DNS_SD, "refused")
    assert await status() == ("unknown", None)
    gone = MOMENT + timedelta(minutes=1)
    await put(world, said("a", missing=gone, offline=True))
    assert await status() == ("offline", "2026-03-01T12:01:00Z")


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "x"}), ("DELETE", None)])
async def test_what_only_sources_say_cannot_be_changed(world: World, method: str, body: object) -> None:
    await put(world, said("a"))

    refused = await world.call(method, f"{NODES}/a@{PARTNER}", body)

    assert (refused.status, refused.code) == (409, "discovered_node")
    assert DNS in refused.document["detail"]


async def test_a_discovered_node_can_be_added_drained_and_revoked(world: World) -> None:
    await put(world, said("a"), said("b"))

    added = await world.call("POST", NODES, node("a"))
    drained = await world.call("POST", f"{NODES}/b@{PARTNER}/drain", {})
    revoked = await world.call("POST", f"{NODES}/b@{PARTNER}/revoke", {"reason": "lost"})

    assert added.document["sources"] == ["manual", DNS]
    assert drained.document["draining"]
    assert revoked.status == 200
    stored = await world.objects.get(Kind.AGREEMENT, PARTNER)
    assert stored is not None
    assert stored.value.revoked_identities == (f"spiffe://{PARTNER}/gateway/b",)  # type: ignore[union-attr] # an agreement


async def test_a_resource_may_name_a_discovered_node(world: World) -> None:
    assert (await world.call("POST", "/api/v1/federation/resources", resource(nodes=["a"]))).status == 422
    await put(world, said("a"))

    assert (await world.call("POST", "/api/v1/federation/resources", resource(nodes=["a"]))).status == 201


async def test_sources_tell_how_fresh_they_are_what_they_refused_and_who_contradicts(world: World) -> None:
    world.conflicts = (Problem("node a", "identity_conflict", "two say different things"),)
    await world.sources.seen("consul", SourceKind.CONSUL, FOUND)
    await world.sources.lost(DNS, SourceKind.DNS_SD, "REFUSED by 192.0.2.53")

    answer = (await world.call("GET", SOURCES)).document

    consul, dns = answer["items"]
    assert (consul["state"], consul["nodes"], consul["left_out"]) == ("seeing", 1, 2)
    assert consul["age_seconds"] < 5
    assert consul["refused_by_code"] == {"own_domain": 3}
    assert consul["refused"][0]["code"] == "own_domain"
    assert (dns["state"], dns["reason"], dns["configured"]) == ("lost", "REFUSED by 192.0.2.53", True)
    assert answer["conflicts"][0]["code"] == "identity_conflict"
    assert answer["conflicts_total"] == 1


async def test_a_request_to_look_tells_what_is_seen_and_who_has_not_answered(world: World) -> None:
    await put(world, said("a"), said("b"), said("c", "consul"), said("d", missing=MOMENT))
    await world.sources.seen("consul", SourceKind.CONSUL, FOUND)

    found = await world.call("POST", DISCOVER, {"sources": ["dns-sd"], "timeout": 0.1, "maximum": 1})
    every = await world.call("POST", DISCOVER, {"timeout": 0})

    assert [item["node_id"] for item in found.document["items"]] == ["a"]
    assert found.document["total"] == 2
    assert found.document["waiting"] == [DNS]
    assert every.document["total"] == 3
    assert [state.name for state in await world.sources.all() if state.asked_at] == ["consul"]


async def test_a_source_that_nobody_knows_is_named(world: World) -> None:
    unknown = await world.call("POST", DISCOVER, {"sources": ["mdns"]})
    endless = await world.call("POST", DISCOVER, {"timeout": 1e9})

    assert (unknown.status, unknown.code) == (422, "unknown_source")
    assert (endless.status, endless.code) == (422, "bad_setting")


async def test_metrics_tell_how_sources_fare(world: World) -> None:
    await world.sources.seen("consul", SourceKind.CONSUL, FOUND)
    await world.sources.lost(DNS, SourceKind.DNS_SD, "refused")

    text = (await world.call("GET", "/metrics")).document

    assert 'proxenia_discovery_source_up{source="consul"} 1.0' in text
    assert f'proxenia_discovery_source_up{{source="{DNS}"}} 0.0' in text
    assert 'proxenia_discovery_refused{code="own_domain",source="consul"} 3.0' in text
    assert "proxenia_discovery_conflicts 0.0" in text


async def test_a_withdrawn_sighting_is_gone_from_the_list(world: World) -> None:
    await put(world, said("a"))
    await world.objects.write([Write(Kind.SIGHTING, said("a").key, None, Mode.DELETE)], actor="discovery")

    assert (await world.call("GET", f"{NODES}/a@{PARTNER}")).status == 404
    assert SpiffeId(f"spiffe://{PARTNER}/gateway/a") == said("a").spiffe_id
