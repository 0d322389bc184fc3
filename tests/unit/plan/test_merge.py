"""One node from many sources: whose word counts, whose identity stays, and that order means nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import MAX_LABELS, MAX_TEXT, Endpoint, Node
from control_plane.model.sighting import Sighting, SourceKind
from control_plane.plan.merge import LAST, Merged, merge
from tests.golden.world import LUEBECK, node

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST, SECOND = (SpiffeId(f"spiffe://luebeck.example/gateway/{name}") for name in ("lb-1", "other"))


def held(kind: SourceKind, *, minute: int = 0, offline: bool = False, **said: object) -> Held:
    """What a source of ``kind`` says of lb-1 since ``minute`` past noon."""
    sighting = Sighting(
        source=str(kind),
        kind=kind,
        node_id=ObjectId("lb-1"),
        organisation=LUEBECK,
        spiffe_id=FIRST,
        endpoints=(Endpoint(f"8.8.8.{list(SourceKind).index(kind) + 1}", 8443),),
    )
    sighting = replace(sighting, **said)  # type: ignore[arg-type] # replace checks the names
    return Held(sighting=sighting, since=NOON + timedelta(minutes=minute), offline=offline)


def test_of_each_field_the_strongest_source_that_says_something_counts() -> None:
    dns = held(SourceKind.DNS_SD, name="", region="north", metadata={"a": "dns", "b": "dns"})
    mdns = held(SourceKind.MDNS, name="Holstentor", region="south", metadata={"b": "mdns", "c": "mdns"})

    merged = merge(None, [mdns, dns])

    assert merged.node is not None
    assert merged.node.endpoints == dns.sighting.endpoints
    assert merged.node.name == "Holstentor"
    assert merged.node.metadata == {"a": "dns", "b": "dns", "c": "mdns", "region": "north"}
    assert merged.sources == ("dns-sd", "mdns")
    assert merged.conflict is None


def test_precedence_is_manual_consul_dns_sd_mdns_and_plugins_last() -> None:
    every = [held(kind) for kind in SourceKind]

    assert merge(None, every).sources == ("manual", "consul", "dns-sd", "mdns", "plugin")


def test_the_operators_node_keeps_what_it_says_and_is_told_the_rest() -> None:
    manual = replace(node("lb-1", LUEBECK, Endpoint("192.0.2.1", 443)), enabled=False)

    merged = merge(manual, [held(SourceKind.CONSUL, name="Holstentor")])

    assert merged.node == replace(manual, name="Holstentor")
    assert merged.sources == ("manual", "consul")


def test_of_two_identities_the_earlier_stays_and_the_other_is_named() -> None:
    consul = held(SourceKind.CONSUL, minute=5, spiffe_id=SECOND)
    mdns = held(SourceKind.MDNS, minute=1)

    merged = merge(None, [consul, mdns])

    assert merged.node is not None
    assert merged.node.spiffe_id == FIRST
    assert merged.node.endpoints == mdns.sighting.endpoints
    assert merged.sources == ("mdns",)
    assert merged.conflict is not None
    assert merged.conflict.code == "identity_conflict"
    assert "consul says spiffe://luebeck.example/gateway/other" in merged.conflict.detail


def test_a_weaker_source_that_claims_later_changes_nothing_of_a_stronger_ones() -> None:
    consul = held(SourceKind.CONSUL)
    mdns = held(SourceKind.MDNS, minute=1, spiffe_id=SECOND, name="mine", metadata={"a": "b"})

    assert merge(None, [mdns, consul]).node == merge(None, [consul]).node


def test_an_operators_word_overrides_whoever_came_first() -> None:
    squatter = held(SourceKind.MDNS, spiffe_id=SECOND)
    in_a_file = held(SourceKind.MANUAL, minute=9)
    by_hand = node("lb-1", LUEBECK, Endpoint("192.0.2.1", 443))

    assert merge(by_hand, [squatter]).sources == ("manual",)
    assert merge(None, [squatter, in_a_file]).sources == ("manual",)


def test_what_nobody_confirms_any_more_is_tried_last_and_counts_last() -> None:
    consul, mdns = held(SourceKind.CONSUL, offline=True), held(SourceKind.MDNS)

    assert merge(None, [consul, mdns]).sources == ("mdns", "consul")
    assert not merge(None, [consul, mdns]).offline
    alone = merge(None, [consul])
    assert alone.offline
    assert alone.node is not None
    assert [endpoint.priority for endpoint in alone.node.endpoints] == [LAST]


def test_nobody_speaking_is_no_node() -> None:
    assert merge(None, []) == Merged(None)


def test_labels_stay_within_a_nodes_limits() -> None:
    names = tuple(ResourceName(f"resource-{number:02}") for number in range(64))
    full = held(
        SourceKind.CONSUL, resources=names, metadata={str(number): "x" for number in range(MAX_LABELS - 1)}
    )
    more = held(SourceKind.DNS_SD, metadata={"more": "x"}, region="north")

    merged = merge(None, [full, more]).node

    assert merged is not None
    assert len(merged.metadata) == MAX_LABELS
    assert len(merged.metadata["resources"]) <= MAX_TEXT
    assert merged.metadata["resources"].startswith("resource-00,resource-01")


@st.composite
def _said(draw: st.DrawFn) -> list[Held]:
    kinds = draw(st.lists(st.sampled_from(list(SourceKind)), unique=True))
    return [
        held(
            kind,
            minute=draw(st.integers(0, 2)),
            offline=draw(st.booleans()),
            spiffe_id=draw(st.sampled_from([FIRST, SECOND])),
            name=draw(st.sampled_from(["", "x", "y"])),
            metadata=draw(st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"))),
        )
        for kind in kinds
    ]


_manual = st.none() | st.sampled_from([node("lb-1", LUEBECK, Endpoint("192.0.2.1", 443))])


@given(_said(), _manual, st.randoms())
def test_the_order_of_reports_means_nothing(
    said: Sequence[Held], manual: Node | None, chance: object
) -> None:
    shuffled = list(said)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' Random

    assert merge(manual, shuffled) == merge(manual, said)


@given(_said(), _manual)
def test_a_later_claim_never_takes_an_identity_away(said: Sequence[Held], manual: Node | None) -> None:
    before = merge(manual, said).node
    late = held(SourceKind.CONSUL, minute=99, spiffe_id=SECOND)
    if before is None or any(one.sighting.kind is SourceKind.CONSUL for one in said):
        return

    after = merge(manual, [*said, late]).node

    assert after is not None
    assert after.spiffe_id == before.spiffe_id
