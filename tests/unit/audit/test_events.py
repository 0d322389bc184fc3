"""Envoy's log lines as audit events."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.audit.events import Source, Unreadable, parse
from control_plane.audit.target import query_hash
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.translate.access_log import HANDSHAKE_KEYS, REQUEST_KEYS
from tests.unit.audit.lines import ACCESS, LISTENER, access, checked, listener, outlier

SOURCE = Source("gw-1", TrustDomain("luebeck.example"), "access.0000000000000000001.jsonl")


def event(stream: str, line: bytes, offset: int = 0, *, query_key: bytes = b"") -> AuditEvent:
    found = parse(stream, line, source=replace(SOURCE, query_key=query_key), offset=offset)
    assert isinstance(found, AuditEvent), found
    return found


def refused(line: bytes, stream: str = "access") -> str:
    found = parse(stream, line, source=SOURCE, offset=0)
    assert isinstance(found, Unreadable), found
    return found.reason


def test_the_sample_has_the_keys_that_envoy_is_configured_to_write() -> None:
    assert set(ACCESS) == REQUEST_KEYS
    assert set(LISTENER) == HANDSHAKE_KEYS


def test_a_partners_request_is_recorded_with_everything_about_it() -> None:
    found = event("access", access())

    assert found.event_type is EventType.CROSS_ORG_REQUEST
    assert (found.reporter, found.row_id) == ("gw-1", ACCESS["row"])
    assert found.timestamp == datetime(2026, 3, 1, 11, 59, 58, 123000, tzinfo=UTC)
    assert found.correlation_id == ACCESS["rid"]
    assert (found.principal, found.principal_org) == (
        "spiffe://bremen.example/gateway/br-1",
        "bremen.example",
    )
    assert (found.source_node, found.target_node) == ("", "gw-1")
    assert (found.resource, found.action, found.policy_id) == ("orders@luebeck.example", "GET", "grant-17")
    assert (found.decision, found.reason, found.status) == ("allowed", "", 200)
    assert (found.duration_ms, found.bytes) == (12, 345)
    assert (found.peer_serial, found.peer_fingerprint) == ("1f2e3d", "ab" * 32)
    assert found.metadata["path"] == "/orders/7"
    assert found.metadata["upstream"] == "127.0.0.1:9000"
    assert "flags" not in found.metadata


def test_our_own_request_carries_the_identity_that_the_partner_saw() -> None:
    line = access(
        dir="egress", peer="spiffe://bremen.example/gateway/br-1", target_node="br-1@bremen.example",
        cluster="to/orders.bremen.example", resource=None,
    )  # fmt: skip

    found = event("access", line)

    assert (found.principal, found.principal_org) == (
        "spiffe://luebeck.example/gateway/gw-1", "luebeck.example",
    )  # fmt: skip
    assert (found.source_node, found.target_node) == ("gw-1", "br-1@bremen.example")
    assert found.resource == "orders@bremen.example"
    assert found.metadata["peer"] == "spiffe://bremen.example/gateway/br-1"


@pytest.mark.parametrize(
    ("cluster", "resource"),
    [
        ("to/orders.bremen.example", "orders@bremen.example"),
        ("local/orders", "orders@luebeck.example"),
        ("group/orders.luebeck.example/own", "orders@luebeck.example"),
        ("group/orders.luebeck.example/ahead", "orders@luebeck.example"),
        ("elsewhere", ""),
        ("", ""),
    ],
)
def test_a_cluster_says_which_resource_it_is_of(cluster: str, resource: str) -> None:
    assert event("access", access(dir="egress", cluster=cluster, resource=None)).resource == resource


@pytest.mark.parametrize(
    ("changes", "decision", "reason"),
    [
        ({}, "allowed", ""),
        ({"code": 404}, "allowed", "upstream_4xx"),
        ({"code": 403}, "allowed", "upstream_4xx"),
        ({"code": 503}, "allowed", "upstream_5xx"),
        (
            {"code": 403, "detail": "rbac_access_denied_matched_policy[none]", "result": "denied"},
            "denied",
            "not_granted",
        ),
        (
            {"code": 403, "detail": "rbac_access_denied_matched_policy[x]", "result": None},
            "denied",
            "not_granted",
        ),
        ({"code": 404, "detail": "route_not_found", "flags": "NR"}, "denied", "unknown_resource"),
        ({"code": 404, "detail": "cluster_not_found", "flags": "NC"}, "denied", "unknown_resource"),
        ({"code": 429, "detail": "local_rate_limited", "flags": "RL"}, "denied", "rate_limited"),
        ({"code": 429, "detail": "local_rate_limited"}, "denied", "rate_limited"),
        ({"code": 400, "detail": "path_normalization_failed"}, "denied", "bad_request"),
        ({"code": 503, "detail": "no_healthy_upstream", "flags": "UH"}, "failed", "no_healthy_node"),
        (
            {"code": 503, "detail": "upstream_reset_before_response_started{x}", "flags": "UF,URX"},
            "failed",
            "connection_failed",
        ),
        ({"code": 504, "detail": "response_timeout", "flags": "UT"}, "failed", "timeout"),
        ({"code": 503, "detail": "overflow", "flags": "UO"}, "failed", "too_many_requests_in_flight"),
        ({"code": 0, "detail": "downstream_remote_disconnect", "flags": "DC"}, "failed", "caller_left"),
        ({"code": 0, "detail": None}, "failed", "no_answer"),
        ({"code": 408, "detail": "request_header_timeout"}, "failed", "timeout"),
        ({"code": 503, "detail": "something_new"}, "failed", "gateway_error"),
        ({"code": 200, "detail": "direct_response"}, "allowed", ""),
    ],
)
def test_the_decision_is_that_of_the_gateway(changes: dict[str, object], decision: str, reason: str) -> None:
    found = event("access", access(**changes))

    assert (found.decision, found.reason) == (decision, reason)
    assert (found.event_type is EventType.CROSS_ORG_REQUEST_DENIED) is (decision == "denied")


def test_a_query_is_never_stored() -> None:
    found = event("access", access(path="/orders?token=secret#also"))

    assert found.metadata["path"] == "/orders"
    assert "secret" not in repr(found)


def test_control_characters_are_written_as_their_escapes() -> None:
    found = event("access", access(host="a\x1b[31m\r\n\x00\u202eb\ud800", method="G\tT"))

    assert found.metadata["host"] == "a\\x1b[31m\\r\\n\\x00\\u202eb\\ud800"
    assert found.action == "G\\tT"


def test_what_is_too_long_is_cut_and_marked() -> None:
    found = event("access", access(path="/" + "x" * 5_000_000, rid="r" * 10_000, host="\x00" * 300))

    assert len(found.metadata["path"]) == 2048
    assert len(found.correlation_id) == 256
    assert len(found.metadata["host"]) == 256
    assert found.metadata["truncated"] == "host,path,rid"


def test_a_certificate_with_two_identities_speaks_for_no_organisation() -> None:
    found = event("access", access(peer="spiffe://bremen.example/a,spiffe://luebeck.example/b"))

    assert found.principal_org == ""
    assert found.principal == "spiffe://bremen.example/a,spiffe://luebeck.example/b"


def test_a_row_cannot_choose_its_reporter() -> None:
    found = event("access", access(reporter="gw-2", event_id="x", gateway="gw-2"))

    assert found.reporter == "gw-1"


def test_the_same_row_has_the_same_id_on_every_arrival_and_another_at_another_gateway() -> None:
    elsewhere = parse("access", access(), source=Source("gw-2", SOURCE.own, SOURCE.file), offset=0)

    assert event("access", access()).event_id == event("access", access(), offset=900).event_id
    assert isinstance(elsewhere, AuditEvent)
    assert elsewhere.event_id != event("access", access()).event_id


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b"[" * 100_000, b'{"code": NaN}', b"\0" * 50,
        b'{"row": ' + b"9" * 5000 + b"}",
        access(row=None), access(row=""), access(row="a b"), access(row="x" * 200), access(row=["x"]),
        access(dir="sideways"), access(dir=None),
        access(ts=None), access(ts="yesterday"), access(ts="9999999-01-01"),
        access(ts="0001-01-01T00:00:00+23:00"),
        access(code=-1), access(code=100_000), access(code=10**400), access(code=2.5), access(code="x"),
        access(code=True), access(ms=-5), access(bytes=2**63), access(path={"a": 1}), access(host=False),
        json.dumps({str(number): 1 for number in range(100)}).encode(),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_understood_is_said_to_be_so(line: bytes) -> None:
    assert refused(line).startswith("expected ")


def test_only_connections_that_failed_are_recorded() -> None:
    came_up = parse("listener", listener(failure=None), source=SOURCE, offset=0)
    failed = event("listener", listener())

    assert came_up is None
    assert failed.event_type is EventType.HANDSHAKE_FAILED
    assert (failed.decision, failed.direction) == ("denied", "ingress")
    assert (failed.principal, failed.principal_org) == ("spiffe://stranger.example/x", "stranger.example")
    assert failed.reason.endswith("CERTIFICATE_VERIFY_FAILED")
    assert failed.metadata["remote"] == "203.0.113.9:40000"


def test_circuits_that_open_and_close_are_recorded() -> None:
    opened = event("outlier", outlier(), offset=7)
    closed = event("outlier", outlier(action="UNEJECT", type=None, enforced=False), offset=300)

    assert opened.event_type is EventType.CIRCUIT_OPENED
    assert opened.row_id == "access.0000000000000000001.jsonl:7"
    assert opened.resource == "orders@bremen.example"
    assert (opened.reason, opened.metadata["upstream_url"]) == ("consecutive_5xx", "192.0.2.9:8443")
    assert closed.event_type is EventType.CIRCUIT_CLOSED
    assert closed.event_id != opened.event_id


def test_a_circuit_that_would_have_opened_is_not_one_that_opened() -> None:
    assert parse("outlier", outlier(enforced=False), source=SOURCE, offset=0) is None
    assert "EJECT" in refused(outlier(action="EXPLODE"), "outlier")


def test_what_checks_begin_to_find_is_recorded_and_the_same_again_is_not() -> None:
    healthy = event("health", checked(add_healthy_event={"first_check": True}))
    ejected = event("health", checked(eject_unhealthy_event={"failure_type": "NETWORK"}))
    first = event("health", checked(health_check_failure_event={"failure_type": "NETWORK_TIMEOUT"}))

    assert healthy.event_type is EventType.NODE_CHECKED
    assert (healthy.decision, healthy.target_node) == ("allowed", "br-1@bremen.example")
    assert healthy.resource == "orders@bremen.example"
    assert (ejected.decision, ejected.reason) == ("failed", "network")
    assert (first.decision, first.reason) == ("failed", "network_timeout")
    assert parse("health", checked(), source=SOURCE, offset=0) is None
    assert "object" in refused(checked(add_healthy_event=1), "health")


@given(st.binary(max_size=300), st.sampled_from(["access", "listener", "outlier", "health"]))
def test_no_line_whatever_raises(line: bytes, stream: str) -> None:
    parse(stream, line, source=SOURCE, offset=0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(ACCESS)), JSON))
def test_no_field_whatever_raises_or_gets_out_of_bounds(changes: dict[str, object]) -> None:
    found = parse("access", access(**changes), source=SOURCE, offset=0)

    if isinstance(found, AuditEvent):
        texts = [found.correlation_id, found.principal, found.resource, *found.metadata.values()]
        assert all(text.isprintable() and len(text) <= 2048 for text in texts)


def test_of_a_query_only_a_keyed_hash_is_kept() -> None:
    one = event("access", access(path="/orders?token=secret#also"), query_key=b"k" * 32)
    same = event("access", access(path="/other?token=secret"), query_key=b"k" * 32)
    other = event("access", access(path="/orders?token=secret"), query_key=b"x" * 32)
    none = event("access", access(path="/orders"), query_key=b"k" * 32)

    assert one.metadata["path"] == "/orders"
    assert one.metadata["query"] == same.metadata["query"] == query_hash("token=secret", b"k" * 32)
    assert other.metadata["query"] != one.metadata["query"]
    assert len(one.metadata["query"]) == 32
    assert "query" not in none.metadata
    assert "secret" not in repr([one, same, other])


@pytest.mark.parametrize(
    ("path", "kept", "cut"),
    [
        ("/" + "x" * 3000 + "?a=b", 2048, "path"),
        ("/orders?" + "x" * 9000, 7, "query"),
        ("/" + "x" * 9000, 2048, "path"),
        ("/orders?a=b", 7, None),
    ],
)
def test_a_long_path_and_a_long_query_are_cut_and_marked(path: str, kept: int, cut: str | None) -> None:
    found = event("access", access(path=path), query_key=b"k" * 32)

    assert len(found.metadata["path"]) == kept
    assert found.metadata.get("truncated") == cut
    assert ("query" in found.metadata) == ("?" in path)
