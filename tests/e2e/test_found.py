"""Partners that find each other: by Consul, by a file, by a plugin; only what trust means is said by hand."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.demo.upstream import Upstream
from tests.contract.source_world import Record
from tests.e2e.conftest import room
from tests.e2e.pair import RESOURCE, WITHIN, take_over
from tests.integration.discovery.consul_double import ConsulDouble
from tests.integration.discovery.file_world import text

pytestmark = pytest.mark.e2e

SHORT = {
    "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
    "PROXENIA_DISCOVERY_KEEP_SECONDS": "1",
    "PROXENIA_DISCOVERY_OFFLINE_SECONDS": "1",
}


@pytest.fixture
def directory() -> Iterator[Path]:
    with room() as made:
        yield made


@asynccontextmanager
async def partners(
    directory: Path, luebeck: dict[str, str], novgorod: dict[str, str]
) -> AsyncIterator[tuple[Organisation, Organisation]]:
    """Both run and trust each other; Luebeck offers what it has. Nobody names a node."""
    offering, calling = (
        Organisation(f"{name}.example", directory, sites=1, settings=SHORT | more)
        for name, more in (("luebeck", luebeck), ("novgorod", novgorod))
    )
    async with Upstream(RESOURCE) as upstream, offering, calling:
        await asyncio.gather(offering.ready(), calling.ready())
        await take_over(offering, calling)
        await take_over(calling, offering)
        assert upstream.endpoint
        own = {"name": RESOURCE, "organisation": offering.trust_domain}
        address = {"host": upstream.endpoint.host, "port": upstream.endpoint.port}
        grant = {"id": "uses", "resource": RESOURCE, "subject": calling.trust_domain}
        await offering.post(
            "/federation/apply", {"resources": [own | {"upstreams": [address]}], "grants": [grant]}
        )
        yield offering, calling


def record_of(organisation: Organisation) -> Record:
    """Its gateway."""
    site = organisation.sites[0]
    return Record(
        node_id=site.gateway_id, organisation=organisation.trust_domain, host="127.0.0.1", port=site.ingress
    )


async def status_of_a_request(calling: Organisation) -> int:
    url = f"http://127.0.0.1:{calling.sites[0].egress}/"
    headers = {"host": f"{RESOURCE}.luebeck.example"}
    async with aiohttp.ClientSession(timeout=WITHIN) as session, session.get(url, headers=headers) as answer:
        return answer.status


async def known(calling: Organisation) -> list[str]:
    nodes = (await calling.get("/federation/nodes", organisation="luebeck.example"))["items"]
    return [f"{node['node_id']} by {','.join(node['sources'])}" for node in nodes]


async def until_requests_pass(calling: Organisation) -> None:
    async def passes() -> bool:
        return await status_of_a_request(calling) == 200

    await eventually("a request to pass", passes, within=30)


async def test_a_gateway_that_registers_itself_in_consul_is_found_there_and_called(directory: Path) -> None:
    async with ConsulDouble() as consul:
        # Each has to know the other's gateway: an ingress lets in whom it knows.
        where = {"PROXENIA_CONSUL_ADDRESS": consul.address}
        first, second = ({**where, "PROXENIA_CONSUL_REGISTER": way} for way in ("tcp", "ttl"))
        async with partners(directory, first, second) as (offering, calling):
            found = await eventually("the node to be found", lambda: known(calling), within=30)
            # Its resource can be added because a source sees a node; nobody entered one.
            await calling.post(
                "/federation/apply", {"resources": [{"name": RESOURCE, "organisation": "luebeck.example"}]}
            )
            await until_requests_pass(calling)
            assert found == ["luebeck-1 by consul"]
            assert set(consul.own.instances) == {"proxenia-luebeck-1", "proxenia-novgorod-1"}

            await consul.stop()
            await asyncio.sleep(3)
            assert await status_of_a_request(calling) == 200
            await consul.start()
            await asyncio.sleep(1)
            events = (await offering.get("/audit/events", limit="200"))["items"]
            # Consul's connections, which say nothing, are no failed handshakes.
            assert not [event for event in events if event["event_type"] == "handshake_failed"]

        assert consul.own.instances == {}


async def test_a_node_in_a_file_is_called_and_one_that_is_taken_out_is_not(directory: Path) -> None:
    file, other = directory / "nodes.yaml", directory / "nodes.toml"
    for empty in (file, other):
        empty.write_text(text([], empty.suffix.removeprefix(".")))
    settings = ({"PROXENIA_NODES_FILE": str(path)} for path in (other, file))
    async with partners(directory, *settings) as (offering, calling):
        site = offering.sites[0]
        file.write_text(text([record_of(offering)], "yaml"))
        other.write_text(text([record_of(calling)], "toml"))
        found = await eventually("the node to be found", lambda: known(calling))
        await calling.post("/federation/resources", {"name": RESOURCE, "organisation": "luebeck.example"})
        await until_requests_pass(calling)

        file.write_text("nodes: [\n")
        await asyncio.sleep(3)
        after_a_mistake = await status_of_a_request(calling)
        file.write_text("nodes: []\n")

        async def gone() -> bool:
            return not await known(calling) and await status_of_a_request(calling) == 503

        await eventually("the node to be gone", gone, within=30)

    assert found == [f"{site.gateway_id} by manual:nodes.yaml"]
    assert after_a_mistake == 200


async def test_a_plugin_finds_a_node_only_when_it_is_allowed(
    directory: Path, example_installed: Path
) -> None:
    file = directory / "partners.json"
    imported = "proxenia_json_file" in sys.modules  # by another test of this process
    path = {"PYTHONPATH": str(example_installed)}
    allowed = {
        "PROXENIA_SOURCES_ALLOWED": "json-file",
        "PROXENIA_SOURCE_OPTIONS": f'{{"json-file": {{"path": "{file}"}}}}',
    }
    async with partners(directory, path, path | allowed) as (offering, calling):
        site, ours = offering.sites[0], record_of(calling)
        node = {"node_id": ours.node_id, "organisation": ours.organisation, "spiffe_id": ours.spiffe_id}
        await offering.post(
            "/federation/nodes", node | {"endpoints": [{"host": ours.host, "port": ours.port}]}
        )
        file.write_text(
            f'{{"nodes": [{{"node_id": "{site.gateway_id}", "organisation": "luebeck.example",'
            f' "spiffe_id": "spiffe://luebeck.example/gateway/{site.gateway_id}",'
            f' "endpoints": [{{"host": "127.0.0.1", "port": {site.ingress}}}]}}]}}'
        )
        await calling.post("/federation/discover", {"timeout": 5})
        found = await eventually("the node to be found", lambda: known(calling))
        await calling.post("/federation/resources", {"name": RESOURCE, "organisation": "luebeck.example"})
        await until_requests_pass(calling)
        elsewhere = (await offering.get("/federation/sources"))["items"]

    assert found == [f"{site.gateway_id} by plugin:json-file"]
    assert elsewhere == []
    assert ("proxenia_json_file" in sys.modules) == imported
