"""What Consul's answers say, whatever is in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.consul_parse import MAX_REFUSED, TAGS, BadAnswerError, next_index, read
from control_plane.model.sighting import Candidate, RawEndpoint
from control_plane.ports.source import Seen

META = {
    "node": "gw-1",
    "org": "luebeck.example",
    "spiffe": "spiffe://luebeck.example/gateway/gw-1",
    "version": "1.4",
    "resources": "orders, stock",
    "rack": "r7",
}


def entry(**changes: object) -> dict[str, Any]:
    service: dict[str, Any] = {
        "ID": "proxenia-1",
        "Service": "proxenia",
        "Tags": ["wan", "blue"],
        "Address": "192.0.2.7",
        "Port": 8443,
        "Meta": META,
        "Weights": {"Passing": 3, "Warning": 1},
    }
    return {"Node": {"Address": "192.0.2.1", "Datacenter": "dc1"}, "Service": service | changes, "Checks": []}


def seen(*entries: object, most: int = 20_000) -> Seen:
    return read(json.dumps(entries).encode(), most=most)


def test_an_instance_is_read_whole() -> None:
    assert seen(entry()).candidates == (
        Candidate(
            subject="proxenia-1",
            node_id="gw-1",
            organisation="luebeck.example",
            spiffe_id="spiffe://luebeck.example/gateway/gw-1",
            endpoints=(RawEndpoint("192.0.2.7", 8443, 0, 3),),
            region="dc1",
            version="1.4",
            resources=("orders", "stock"),
            metadata=(("rack", "r7"), (TAGS, "blue,wan")),
        ),
    )


def test_a_service_without_address_is_where_its_agent_is() -> None:
    (candidate,) = seen(entry(Address="")).candidates

    assert candidate.endpoints[0].host == "192.0.2.1"


def test_a_service_without_a_node_id_goes_by_its_own() -> None:
    (candidate,) = seen(entry(Meta={name: META[name] for name in ("org", "spiffe")})).candidates

    assert candidate.node_id == "proxenia-1"


def test_one_node_that_several_agents_know_is_one_with_all_its_addresses() -> None:
    both = entry(), entry(ID="proxenia-2", Address="192.0.2.8")

    report = seen(*both)

    assert [one.host for one in report.candidates[0].endpoints] == ["192.0.2.7", "192.0.2.8"]
    assert report == seen(*reversed(both))


def test_two_identities_for_one_node_stay_two_candidates() -> None:
    other = entry(Meta=META | {"spiffe": "spiffe://luebeck.example/gateway/other"})

    assert len(seen(entry(), other).candidates) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"Meta": None},
        {"Meta": ["org"]},
        {"Meta": META | {"org": 7}},
        {"Meta": META | {"txtvers": "9"}},
        {"Meta": META | {"org": "\ud800"}},
        {"Meta": {f"key-{number}": "x" for number in range(65)}},
        {"ID": "x" * 2049},
        {"Port": "8443"},
        {"Port": True},
        {"Weights": {"Passing": 1.5}},
        {"Tags": "blue"},
        {"Address": 7},
    ],
)
def test_an_instance_that_cannot_be_read_is_refused_and_the_others_stay(changes: dict[str, object]) -> None:
    report = seen(entry(ID="good"), entry(**{"ID": "bad"} | changes))

    assert [candidate.subject for candidate in report.candidates] == ["good"]
    assert len(report.refused) == 1
    assert report.refused[0].code
    assert len(report.refused[0].detail) < 300


def test_no_more_is_kept_and_told_than_is_allowed() -> None:
    many = [entry(ID=f"i{number}", Meta=META | {"node": f"n{number}"}) for number in range(7)]
    bad = [{"Service": number} for number in range(MAX_REFUSED + 4)]

    report = seen(*many, *bad, most=5)

    assert (len(report.candidates), len(report.refused), report.left_out) == (5, MAX_REFUSED, 2 + 4)


def test_tags_are_kept_as_far_as_a_label_holds_them() -> None:
    tags = [f"{'t' * 99}{number}" for number in range(4)]

    (candidate,) = seen(entry(Tags=[*tags, 7, "\x1b[2J"])).candidates

    assert dict(candidate.metadata)[TAGS] == ",".join(tags[:2])


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"<html>", b"[" * 10_000, b'"\xff"', b"[NaN]"])
def test_what_is_no_list_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswerError):
        read(body)


@pytest.mark.parametrize("header", [None, "", "-1", "x", "1.5", "٣", "9" * 21])
def test_an_index_that_is_none_is_no_answer(header: str | None) -> None:
    with pytest.raises(BadAnswerError, match="X-Consul-Index"):
        next_index(header, 0)


def test_an_index_goes_up_is_never_zero_and_an_answer_from_the_past_counts_for_nothing() -> None:
    assert next_index("12", 7) == 12
    assert next_index("7", 7) == 7
    assert next_index("0", 0) == 1
    with pytest.raises(BadAnswerError, match="from 7 on, got 6"):
        next_index("6", 7)


ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
ANYTHING = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
)
SERVICES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("ID", "Service", "Tags", "Address", "Port", "Weights"), ANYTHING)
    | {"Meta": st.dictionaries(st.sampled_from([*META, "txtvers", "é"]), ANYTHING) | ANYTHING},
)


@given(st.lists(ANYTHING | st.fixed_dictionaries({"Service": SERVICES, "Node": ANYTHING}), max_size=6))
def test_whatever_json_comes_is_seen_or_refused_and_its_order_does_not_matter(entries: list[object]) -> None:
    try:
        report = seen(*entries)
    except BadAnswerError:
        return  # a number that is too long, for one

    assert len(report.candidates) + len(report.refused) <= len(entries)
    assert report == seen(*reversed(entries))


@given(st.binary(max_size=200))
def test_whatever_bytes_come_nothing_else_is_raised(body: bytes) -> None:
    try:
        read(body)
    except BadAnswerError:
        return
    assert isinstance(json.loads(body), list)
