"""Every hostile record is refused with its code, and nothing that a stranger writes raises."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.node import MAX_ENDPOINTS
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint, Sighting, SourceKind
from tests.unit.discovery.records import INSIDE, LUEBECK, RULES, accepted, code, judged, record

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "0.0.0.0",  # noqa: S104 - judged, not bound
    "::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "169.254.1.1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.251",
    "ff02::fb",
    "255.255.255.255",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
]


@pytest.mark.parametrize("host", FORBIDDEN)
def test_a_record_cannot_lead_us_inside(host: str) -> None:
    assert code(record("lb-1", host)) == "forbidden_address"


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "::1", "224.0.0.1", "2002:7f00:1::"])
def test_one_address_that_no_honest_node_has_condemns_the_record(host: str) -> None:
    assert code(record("lb-1", "8.8.8.8", host)) == "forbidden_address"
    assert code(record("lb-1", host, "8.8.8.8")) == "forbidden_address"


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.1.1", "fe80::1", "fe80::1%eth0", "fd12::1"])
def test_an_address_that_leads_nowhere_from_here_is_left_out_beside_a_good_one(host: str) -> None:
    sighting = accepted(record("lb-1", host, "8.8.8.8"))

    assert [endpoint.host for endpoint in sighting.endpoints] == ["8.8.8.8"]


def test_networks_that_the_operator_allowed_are_good() -> None:
    assert accepted(record("lb-1", "10.0.0.1", "127.0.0.1"), INSIDE)
    assert code(record("lb-1", "169.254.169.254"), INSIDE) == "forbidden_address"


@pytest.mark.parametrize("host", ["localhost", "evil.example", "2130706433", "0x7f.1", "", "1.2.3.4 "])
def test_what_was_not_resolved_is_not_an_address(host: str) -> None:
    assert code(record("lb-1", host)) == "bad_address"


IDENTITIES: list[tuple[str, dict[str, Any]]] = [
    ("own_domain", {"organisation": "bremen.example", "spiffe_id": "spiffe://bremen.example/gateway/x"}),
    ("own_domain", {"spiffe_id": "spiffe://bremen.example/gateway/gw-1"}),
    ("own_domain", {"organisation": "bremen.example"}),
    ("ourselves", {"organisation": "bremen.example", "spiffe_id": "spiffe://bremen.example/gateway/gw-1"}),
    ("foreign_identity", {"organisation": "hamburg.example"}),
    ("foreign_identity", {"spiffe_id": "spiffe://hamburg.example/gateway/lb-1"}),
    ("bad_spiffe_id", {"spiffe_id": ""}),
    ("bad_spiffe_id", {"spiffe_id": "spiffe://luebeck.example"}),
    ("bad_spiffe_id", {"spiffe_id": "spiffe://luebeck.example/../x"}),
    ("bad_spiffe_id", {"spiffe_id": "spiffe://luebeck.example/a?b"}),
    ("bad_spiffe_id", {"spiffe_id": "http://luebeck.example/a"}),
    ("bad_id", {"node_id": ""}),
    ("bad_id", {"node_id": "a/b"}),
    ("bad_id", {"node_id": "x" * 200}),
    ("bad_trust_domain", {"organisation": "", "spiffe_id": ""}),
    ("bad_trust_domain", {"organisation": "Hamburg.example"}),
    ("bad_trust_domain", {"organisation": "hamburg.example."}),
]
IMITATIONS = [
    "LUEBECK.example",
    "luebeck.example.",
    "lu\u0435beck.example",
    "\uff4cuebeck.example",
    "1uebeck.example",
    "xn--lbeck-kva.example",
    "luebeck.example.evil.example",
    "luebeck.example-evil.example",
    "my-luebeck.example",
    "myluebeck.example",
    "brernen.example",
    "bremen.example.org",
]


@pytest.mark.parametrize(("expected", "changes"), IDENTITIES)
def test_a_false_identity_is_refused_with_its_code(expected: str, changes: dict[str, Any]) -> None:
    assert code(record(**changes)) == expected


@pytest.mark.parametrize("name", IMITATIONS)
def test_a_name_that_looks_like_one_that_we_know_is_refused(name: str) -> None:
    imitation = record(organisation=name, spiffe_id=f"spiffe://{name}/gateway/lb-1")

    assert code(imitation) == "lookalike_domain"


def test_a_name_of_mixed_scripts_is_refused_whatever_it_looks_like() -> None:
    mixed = "xn--" + "v\u0456sby".encode("punycode").decode() + ".example"

    assert code(record(organisation=mixed, spiffe_id=f"spiffe://{mixed}/x")) == "mixed_script"


def test_an_honest_name_in_another_script_is_let_in_as_punycode() -> None:
    name = "xn--" + "любек".encode("punycode").decode() + ".example"

    assert accepted(record(organisation=name, spiffe_id=f"spiffe://{name}/x")).organisation == name


def test_what_the_operator_named_is_no_imitation() -> None:
    assert accepted(record()).organisation == LUEBECK


SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("bad_endpoints", {"endpoints": ()}),
    ("bad_endpoints", {"endpoints": tuple(RawEndpoint(f"8.8.8.{n}", 443) for n in range(17))}),
    ("bad_endpoints", {"endpoints": tuple(RawEndpoint(f"8.8.8.{n}", 443) for n in range(249))}),
    ("bad_port", {"endpoints": (RawEndpoint("8.8.8.8", 0),)}),
    ("bad_port", {"endpoints": (RawEndpoint("8.8.8.8", 65_536),)}),
    ("bad_port", {"endpoints": (RawEndpoint("8.8.8.8", -1),)}),
    ("forbidden_port", {"endpoints": (RawEndpoint("8.8.8.8", 22),)}),
    ("bad_priority", {"endpoints": (RawEndpoint("8.8.8.8", 443, priority=-1),)}),
    ("bad_weight", {"endpoints": (RawEndpoint("8.8.8.8", 443, weight=70_000),)}),
    ("bad_text", {"name": "x" * 300}),
    ("bad_text", {"name": "a\r\nb"}),
    ("bad_text", {"region": "\x1b[31m"}),
    ("bad_text", {"version": "\x00"}),
    ("bad_text", {"metadata": (("k", "\udcff"),)}),
    ("bad_text", {"metadata": (("k" * 300, ""),)}),
    ("bad_metadata", {"metadata": tuple((str(n), "") for n in range(250))}),
    ("bad_metadata", {"metadata": (("k", "1"), ("k", "2"))}),
    ("bad_metadata", {"resources": ("r",) * 65}),
    ("bad_resource_name", {"resources": ("Orders",)}),
    ("malformed_record", {"endpoints": None}),
    ("malformed_record", {"spiffe_id": None}),
    ("malformed_record", {"ttl": "soon"}),
]


@pytest.mark.parametrize(("expected", "changes"), SHAPES)
def test_a_record_of_a_bad_shape_is_refused_with_its_code(expected: str, changes: dict[str, Any]) -> None:
    assert code(record(**changes)) == expected


def test_a_refusal_names_the_source_and_the_record_printably() -> None:
    verdict = judged(record(subject="x\n\x1b" * 100, node_id=""))

    assert isinstance(verdict, Problem)
    assert verdict.subject.startswith("dns-sd: ")
    assert verdict.subject.isprintable()
    assert len(verdict.subject) < 200


@pytest.mark.parametrize(
    ("ttl", "kept"), [(0.0, 0.0), (-5.0, 0.0), (2.0**31, 86_400.0), (math.nan, 0.0), (120.0, 120.0)]
)
def test_a_time_to_live_is_kept_within_reason(ttl: float, kept: float) -> None:
    assert accepted(record(ttl=ttl)).ttl == kept


def test_priorities_are_ranked_as_envoy_wants_them_and_weight_zero_is_one() -> None:
    raw = (
        RawEndpoint("8.8.8.1", 443, 500, 0),
        RawEndpoint("8.8.8.2", 443, 10, 7),
        RawEndpoint("8.8.8.1", 443, 1),
    )

    endpoints = accepted(record(endpoints=raw)).endpoints

    assert [(e.host, e.priority, e.weight) for e in endpoints] == [("8.8.8.1", 2, 1), ("8.8.8.2", 1, 7)]


def test_an_operators_own_file_is_bound_by_no_network_and_no_likeness_but_by_identity() -> None:
    manual = SourceKind.MANUAL
    name = "my-luebeck.example"

    assert code(record("lb-1", "127.0.0.1"), kind=manual) == ""
    assert code(record(organisation=name, spiffe_id=f"spiffe://{name}/x"), kind=manual) == ""
    assert code(record(organisation="bremen.example"), kind=manual) == "own_domain"
    assert code(record("lb-1", "nowhere"), kind=manual) == "bad_address"


def test_as_many_endpoints_as_a_node_may_have_are_taken() -> None:
    hosts = [f"8.8.8.{number}" for number in range(MAX_ENDPOINTS)]

    assert len(accepted(record("lb-1", *hosts)).endpoints) == MAX_ENDPOINTS


anything = st.one_of(st.none(), st.text(max_size=40), st.integers(), st.floats(), st.binary(max_size=5))
raws = st.lists(st.builds(RawEndpoint, anything, anything, anything, anything), max_size=3).map(tuple)


@given(
    st.builds(
        Candidate,
        subject=st.text(),
        node_id=st.text() | st.just("lb-1"),
        organisation=st.text() | st.just("luebeck.example"),
        spiffe_id=st.text() | st.just("spiffe://luebeck.example/x"),
        endpoints=raws | st.just((RawEndpoint("8.8.8.8", 443),)),
        name=st.text(),
        resources=st.lists(st.text(), max_size=3).map(tuple),
        metadata=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
        ttl=st.floats(),
    )
)
def test_nothing_that_a_stranger_writes_raises(candidate: Candidate) -> None:
    verdict = judged(candidate)

    assert isinstance(verdict, Sighting | Problem)
    assert not isinstance(verdict, Sighting) or verdict.organisation != RULES.own
