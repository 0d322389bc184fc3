"""What must be refused with a clear error, and change nothing."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.unit.admin.world import (
    OWN,
    PARTNER,
    World,
    certificate,
    grant,
    node,
    own_resource,
    resource,
)

NODES = "/api/v1/federation/nodes"
RESOURCES = "/api/v1/federation/resources"
GRANTS = "/api/v1/federation/grants"
AGREEMENTS = "/api/v1/federation/agreements"


@dataclass(frozen=True)
class Bad:
    """A request, and how it must be answered."""

    path: str
    body: object
    status: int
    code: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


def endpoint(**changes: object) -> list[dict[str, object]]:
    return [{"host": "192.0.2.1", "port": 8443, **changes}]


CA, CA_KEY = certificate()
LEAF, _ = certificate(ca=False)
NDJSON = {"Content-Type": "application/x-ndjson"}

BAD = {
    "malformed JSON": Bad(NODES, b'{"node_id":', 400, "malformed_json"),
    "two documents": Bad(NODES, b"{}{}", 400, "malformed_json"),
    "not UTF-8": Bad(NODES, b'{"node_id":"\xff"}', 400, "malformed_json"),
    "UTF-16": Bad(NODES, json.dumps(node()).encode("utf-16"), 400, "malformed_json"),
    "a lone surrogate": Bad(NODES, b'{"node_id":"\\ud800"}', 400, "malformed_json"),
    "a key twice": Bad(NODES, b'{"node_id":"a","node_id":"b"}', 400, "duplicate_key"),
    "a key twice, deep": Bad(NODES, b'{"metadata":{"a":"1","a":"2"}}', 400, "duplicate_key"),
    "NaN": Bad(NODES, b'{"rate_limit_per_hour":NaN}', 400, "bad_number"),
    "infinity by size": Bad(NODES, b'{"rate_limit_per_hour":1e400}', 400, "bad_number"),
    "a number of 400 digits": Bad(NODES, b'{"rate_limit_per_hour":%s}' % (b"9" * 400), 400, "bad_number"),
    "a number of 10,000 digits": Bad(
        NODES, b'{"rate_limit_per_hour":%s}' % (b"9" * 10_000), 400, "bad_number"
    ),
    "nesting": Bad(NODES, b"[" * 100_000, 400, "too_deep"),
    "nesting, closed": Bad(NODES, b"[" * 100_000 + b"]" * 100_000, 400, "too_deep"),
    "nesting of objects": Bad(NODES, b'{"a":' * 100_000, 400, "too_deep"),
    "not an object": Bad(NODES, b"[]", 422, "wrong_type"),
    "nothing": Bad(NODES, b"", 422, "invalid_body"),
    "an unknown field": Bad(NODES, node(colour="red"), 422, "unknown_field"),
    "an unknown field, deep": Bad(NODES, node(endpoints=endpoint(zone=1)), 422, "unknown_field"),
    "a missing field": Bad(NODES, {"node_id": "a"}, 422, "invalid_body"),
    "a number as text": Bad(NODES, node(endpoints=endpoint(port="8443")), 422, "wrong_type"),
    "a bool as number": Bad(NODES, node(endpoints=endpoint(port=True)), 422, "wrong_type"),
    "a number as bool": Bad(NODES, node(enabled=1), 422, "wrong_type"),
    "a fraction": Bad(NODES, node(endpoints=endpoint(port=1.5)), 422, "wrong_type"),
    "port 0": Bad(NODES, node(endpoints=endpoint(port=0)), 422, "bad_port"),
    "port 70000": Bad(NODES, node(endpoints=endpoint(port=70000)), 422, "bad_port"),
    "a name as address": Bad(NODES, node(endpoints=endpoint(host="lb.example")), 422, "bad_address"),
    "no endpoint": Bad(NODES, node(endpoints=[]), 422, "bad_endpoints"),
    "a bad SPIFFE id": Bad(NODES, node(spiffe_id="https://luebeck.example/x"), 422, "bad_spiffe_id"),
    "a SPIFFE id with dots": Bad(NODES, node(spiffe_id=f"spiffe://{PARTNER}/../x"), 422, "bad_spiffe_id"),
    "another's SPIFFE id": Bad(
        NODES, node(spiffe_id="spiffe://novgorod.example/gateway/1"), 422, "foreign_identity"
    ),
    "a name of 10,000 characters": Bad(NODES, node(name="x" * 10_000), 422, "bad_text"),
    "an id of 10,000 characters": Bad(NODES, node("x" * 10_000), 422, "invalid_body"),
    "a NUL": Bad(NODES, node(name="a\0b"), 422, "bad_text"),
    "an escape sequence": Bad(NODES, node(name="\x1b[31m"), 422, "bad_text"),
    "our own node": Bad(
        NODES, node(organisation=OWN, spiffe_id=f"spiffe://{OWN}/gateway/1"), 422, "own_node"
    ),
    "a node that exists": Bad(NODES, node("known"), 409, "already_exists"),
    "a body of 20 MB": Bad(NODES, b" " * 20_000_000, 413, "body_too_large"),
    "a form": Bad(
        NODES, b"a=b", 415, "bad_content_type", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ),
    "no content type": Bad(NODES, b"{}", 415, "bad_content_type", headers={"Content-Type": ""}),
    "a gzip bomb": Bad(
        NODES,
        gzip.compress(b" " * 50_000_000),
        415,
        "bad_content_encoding",
        headers={"Content-Encoding": "gzip"},
    ),
    "another page's request": Bad(NODES, node(), 403, "cross_origin", headers={"Origin": "http://localhost"}),
    "a query": Bad(f"{NODES}?dry_run=1", node(), 400, "unknown_parameter"),
    "a bundle that is text": Bad(
        AGREEMENTS, {"organisation": PARTNER, "bundle": "hello"}, 422, "empty_bundle"
    ),
    "a bundle that is no certificate": Bad(
        AGREEMENTS,
        {
            "organisation": PARTNER,
            "bundle": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        },
        422,
        "not_a_certificate",
    ),
    "a certificate with its private key": Bad(
        AGREEMENTS, {"organisation": PARTNER, "bundle": CA + CA_KEY}, 422, "private_key_in_bundle"
    ),
    "a leaf as anchor": Bad(AGREEMENTS, {"organisation": PARTNER, "bundle": LEAF}, 422, "not_a_ca"),
    "our own agreement": Bad(AGREEMENTS, {"organisation": OWN, "bundle": CA}, 422, "own_organisation"),
    "trust without anchors": Bad(AGREEMENTS, {"organisation": PARTNER, "state": "trusted"}, 422, "no_bundle"),
    "an unknown state": Bad(AGREEMENTS, {"organisation": PARTNER, "state": "friendly"}, 422, "bad_choice"),
    "a resource without nodes": Bad(
        RESOURCES, resource(organisation="novgorod.example"), 422, "resource_without_nodes"
    ),
    "a resource of an unknown node": Bad(RESOURCES, resource(nodes=["lb-9"]), 422, "unknown_node"),
    "our resource without upstreams": Bad(
        RESOURCES, own_resource("new", upstreams=[]), 422, "resource_without_nodes"
    ),
    "a partner's resource with upstreams": Bad(
        RESOURCES, own_resource("new", organisation=PARTNER), 422, "foreign_upstreams"
    ),
    "a resource that exists": Bad(RESOURCES, own_resource(), 409, "already_exists"),
    "a grant of nothing": Bad(GRANTS, grant(resource="nothing"), 422, "unknown_resource"),
    "a grant to ourselves": Bad(GRANTS, grant(subject=OWN), 422, "own_organisation"),
    "lines with one fault": Bad(
        NODES, b"\n\n" + json.dumps(node(enabled=1)).encode(), 422, "wrong_type", headers=NDJSON
    ),
    "no lines": Bad(NODES, b"\n \n", 422, "empty_bulk", headers=NDJSON),
    "an endless line": Bad(NODES, b" " * 100_000, 422, "line_too_long", headers=NDJSON),
    "20 MB of lines": Bad(NODES, b"{}\n" * 7_000_000, 413, "body_too_large", headers=NDJSON),
    "a line twice": Bad(
        NODES, b"\n".join([json.dumps(node()).encode()] * 2), 422, "duplicate_line", headers=NDJSON
    ),
    "a bad limit": Bad(f"{NODES}?limit=0", None, 400, "bad_parameter", "GET"),
    "a limit that is none": Bad(f"{NODES}?limit=many", None, 400, "bad_parameter", "GET"),
    "an unknown parameter": Bad(f"{NODES}?colour=red", None, 400, "unknown_parameter", "GET"),
    "a parameter twice": Bad(f"{NODES}?limit=1&limit=2", None, 400, "bad_parameter", "GET"),
    "a NUL in a parameter": Bad(f"{NODES}?after=%00", None, 400, "bad_parameter", "GET"),
    "a NUL in a path": Bad(f"{NODES}/a%00b", None, 404, "not_found", "GET"),
    "a path out of the API": Bad("/api/v1/../../etc/passwd", None, 404, "not_found", "GET"),
    "a bad audit cursor": Bad("/api/v1/audit/events?after=x", None, 400, "bad_parameter", "GET"),
    "a time without zone": Bad(
        "/api/v1/audit/events?since=2026-01-01T00:00:00", None, 400, "bad_parameter", "GET"
    ),
    "another method": Bad(NODES, {}, 405, "method_not_allowed", "PUT"),
    "another organisation's name": Bad(f"{AGREEMENTS}/UPPER", {}, 422, "bad_trust_domain", "PUT"),
    "an ETag that is none": Bad(
        f"{NODES}/known@{PARTNER}", None, 412, "precondition_failed", "DELETE", {"If-Match": "yesterday"}
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_gets_a_clear_error_and_changes_nothing(world: World, name: str) -> None:
    bad = BAD[name]
    await world.call("POST", NODES, node("known"))
    await world.call("POST", RESOURCES, own_resource())
    before = world.state

    answer = await world.call(bad.method, bad.path, bad.body, headers=bad.headers)

    assert (answer.status, answer.code) == (bad.status, bad.code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.document["status"] == bad.status
    assert answer.document["title"]
    assert answer.document["hint"]
    assert len(answer.document["detail"]) < 400
    assert "Traceback" not in str(answer.document)
    assert world.state == before


async def test_errors_point_at_their_fields(world: World) -> None:
    answer = await world.call("POST", NODES, node(endpoints=endpoint(port=0), enabled="yes"))

    found = {error["path"]: error["code"] for error in answer.document["errors"]}
    assert answer.code == "invalid_body"
    assert found == {"/endpoints/0": "bad_port", "/enabled": "wrong_type"}


async def test_errors_of_bulk_bodies_name_their_lines(world: World) -> None:
    lines = [node("a"), node("b", enabled=1), node("c"), node("d", spiffe_id="x")]
    body = b"\n".join(json.dumps(line).encode() for line in lines) + b'\n{"node_id"\n'

    answer = await world.call("POST", NODES, body, headers=NDJSON)

    found = [(error["line"], error["code"]) for error in answer.document["errors"]]
    assert found == [(2, "wrong_type"), (4, "bad_spiffe_id"), (5, "malformed_json")]
    assert world.objects.revision == 0


async def test_a_large_body_is_refused_before_it_is_sent(world: World) -> None:
    assert world.serving is not None
    reader, writer = await asyncio.open_unix_connection(str(world.serving.unix_path))
    head = f"POST {NODES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    writer.write(f"{head}Content-Length: 20000000\r\n\r\n".encode())
    status = await reader.readline()

    writer.close()
    assert status.startswith(b"HTTP/1.1 413 ")


async def test_a_large_body_of_unstated_length_is_not_read_to_its_end(world: World) -> None:
    assert world.serving is not None
    reader, writer = await asyncio.open_unix_connection(str(world.serving.unix_path))
    head = f"POST {NODES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    writer.write((b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 17)
    status = await reader.readline()

    writer.close()
    assert status.startswith(b"HTTP/1.1 413 ")


async def test_of_equal_creations_at_once_one_succeeds(world: World) -> None:
    answers = await asyncio.gather(*(world.call("POST", NODES, node()) for _ in range(50)))

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] + [409] * 49


async def test_names_that_look_like_markup_come_back_as_text(world: World) -> None:
    await world.call("POST", NODES, node(name="<script>alert(1)</script>"))

    answer = await world.call("GET", f"{NODES}/lb-1@{PARTNER}")

    assert answer.document["name"] == "<script>alert(1)</script>"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
