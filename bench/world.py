"""A federation of any size for the benchmarks: partners, nodes, and one resource for each node."""

import asyncio
import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from bench.partner import Authority
from control_plane.app.demo.organisation import Organisation, eventually

PARTNERS = 100
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


def domain(number: int) -> str:
    """The organisation that node ``number`` belongs to."""
    return f"partner-{number % PARTNERS}.example"


def address(number: int) -> str:
    """A loopback address of the node's own; that of node 0 is where the benchmarks' partner listens."""
    return f"127.0.{number // 250}.{number % 250 + 1}"


def node(number: int, port: int) -> dict[str, Any]:
    """A node; only node 0 is ever called."""
    return {
        "node_id": f"node-{number}",
        "organisation": domain(number),
        "spiffe_id": f"spiffe://{domain(number)}/gateway/{number}",
        "endpoints": [{"host": address(number), "port": port}],
    }


def resource(number: int) -> dict[str, Any]:
    """The resource that this node, and only it, serves."""
    return {"name": f"service-{number}", "organisation": domain(number), "nodes": [f"node-{number}"]}


def json_lines(documents: Iterator[dict[str, Any]]) -> str:
    """The body of a bulk upsert."""
    return "".join(json.dumps(document) + "\n" for document in documents)


async def trust_everybody(own: Organisation, first: Authority, *, partners: int = PARTNERS) -> None:
    """Agreements with all partners, or so many; ``first`` is the only one that answers."""
    limit = asyncio.Semaphore(4)

    async def one(number: int) -> None:
        async with limit:
            authority = first if number == 0 else Authority.of(domain(number))
            body = {"organisation": domain(number), "state": "trusted", "bundle": authority.anchor}
            await own.post("/federation/agreements", body)

    await asyncio.gather(*(one(number) for number in range(partners)))


async def load(own: Organisation, numbers: range, *, port: int, total: int) -> float:
    """Bulk upsert of nodes and resources; seconds until all ``total`` of them are acknowledged."""
    nodes = json_lines(node(number, port) for number in numbers)
    resources = json_lines(resource(number) for number in numbers)
    started = perf_counter()
    await own.bulk("/federation/nodes", nodes)
    await own.bulk("/federation/resources", resources)

    async def acknowledged() -> bool:
        deliveries = (await own.get(f"/federation/gateways/{own.sites[0].gateway_id}/deliveries"))[
            "deliveries"
        ]
        counts = {row["type_url"]: row for row in deliveries}
        return all(
            type_url in counts
            and counts[type_url]["acknowledged"] >= total
            and counts[type_url]["acknowledged"] == counts[type_url]["wanted"]
            and not counts[type_url]["in_flight"]
            for type_url in (CLUSTER, ENDPOINTS)
        )

    await eventually(f"{total} resources to be acknowledged", acknowledged, within=120)
    return perf_counter() - started


async def move(own: Organisation, number: int, port: int) -> None:
    """Change the endpoint of one node, as an operator does."""
    key = f"node-{number}@{domain(number)}"
    await own.patch(f"/federation/nodes/{key}", {"endpoints": [{"host": address(number), "port": port}]})


async def pause() -> None:
    """Let what is under way settle, so that it isn't counted with what comes."""
    await asyncio.sleep(1.5)
