"""Incremental is from-scratch, what changes is little, and one bad object stops nothing."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.conditions import moment
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET
from control_plane.ports.publisher import Name, Publication
from control_plane.reconcile.federator import Federator
from tests.golden.world import BREMEN, HAMBURG, LUEBECK, items, node, open_federation
from tests.unit.reconcile.worlds import HOUR, Board, changes, from_nothing


def started(*values: Value) -> Federator:
    federator = Federator(BREMEN, Tuning())
    federator.apply(Change(1, items(values or open_federation())))
    return federator


def apply(federator: Federator, *values: Value) -> Publication:
    return federator.apply(Change(2, items(values)))


def names(publication: Publication) -> set[tuple[str, str]]:
    return {(resource.type_url, resource.name) for resource in publication.upserts}


@given(changes, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_any_sequence_of_changes_equals_starting_from_nothing(
    sequence: list[list[Item]], random: Random
) -> None:
    board, federator = Board(), Federator(BREMEN, Tuning())
    final: dict[tuple[Kind, str], Item] = {}

    for number, step in enumerate(sequence):
        board.publish(federator.apply(Change(number, tuple(step)), now=moment(number * HOUR)))
        final |= {(item.kind, item.key): item for item in step}
    shuffled = [item for item in final.values() if item.value is not None]
    random.shuffle(shuffled)
    expected, fresh = from_nothing(shuffled, now=moment((len(sequence) - 1) * HOUR))

    assert board.resources == expected
    assert federator.problems == fresh.problems
    for item in shuffled:
        if item.kind in {Kind.NODE, Kind.SIGHTING}:
            node = item.key.partition(" ")[0]
            assert federator.admission(node) == fresh.admission(node)
    assert not [problem for problem in fresh.problems if "defect" in problem.hint]


def test_the_first_publication_is_whole_even_when_there_is_nothing() -> None:
    publication = Federator(BREMEN, Tuning()).apply(Change(0, ()))

    assert names(publication) == {
        (ROUTES, "egress"),
        (ROUTES, "ingress"),
        (SECRET, "trust-ingress"),
        (ENDPOINTS, "gateways"),
    }
    assert publication.removals == ()


def test_the_order_of_arrival_makes_no_difference() -> None:
    values = open_federation()

    forward, backward = from_nothing(items(values))[0], from_nothing(items(reversed(values)))[0]

    assert forward == backward


def test_the_same_change_again_publishes_nothing() -> None:
    assert apply(started(), *open_federation()) == Publication()


def test_one_changed_endpoint_publishes_one_assignment_and_nothing_else() -> None:
    federator = started()

    publication = apply(federator, node("hh-1", HAMBURG, Endpoint("198.51.100.7", 443)))

    assert names(publication) == {(ENDPOINTS, "to/quotes.hamburg.example")}
    assert publication.removals == ()


def test_a_new_grant_publishes_the_ingress_routes_and_nothing_else() -> None:
    publication = apply(started(), Grant(ObjectId("new"), ResourceName("idle"), LUEBECK))

    assert names(publication) == {(ROUTES, "ingress")}


def test_a_revoked_partner_loses_trust_routes_and_endpoints_at_once_and_keeps_its_clusters() -> None:
    publication = apply(started(), Agreement(LUEBECK, AgreementState.REVOKED))

    assert names(publication) == {
        (SECRET, "trust-luebeck.example"),
        (SECRET, "trust-ingress"),
        (ROUTES, "ingress"),
        (ENDPOINTS, "to/orders.luebeck.example"),
        (ENDPOINTS, "to/tools.luebeck.example"),
    }
    assert publication.removals == ()


def test_what_is_deleted_is_removed() -> None:
    federator = started()

    publication = federator.apply(
        Change(2, (Item(Kind.RESOURCE, "stock@bremen.example", None), Item(Kind.GATEWAY, "gw-1", None)))
    )

    assert set(publication.removals) == {
        Name(CLUSTER, "local/stock"),
        Name(ENDPOINTS, "local/stock"),
        Name(CLUSTER, "to/stock.bremen.example"),
        Name(ENDPOINTS, "to/stock.bremen.example"),
        Name(LISTENER, "ingress", "gw-1"),
        Name(LISTENER, "egress", "gw-1"),
    }
    assert names(publication) == {(ROUTES, "ingress"), (ENDPOINTS, "gateways")}


def test_only_listeners_are_for_one_gateway() -> None:
    publication = Federator(BREMEN, Tuning()).apply(Change(1, items(open_federation())))

    scopes = {(resource.type_url == LISTENER, resource.scope) for resource in publication.upserts}

    assert scopes == {(True, "gw-1"), (False, "")}


def many(count: int) -> list[Value]:
    """A partner with ``count`` nodes, each serving one resource of its own; and as many exports."""
    values: list[Value] = [Agreement(LUEBECK, AgreementState.TRUSTED), Bundle(LUEBECK, ("pem",))]
    for number in range(count):
        name = f"n{number}"
        values.append(node(name, LUEBECK, Endpoint(f"10.0.{number // 250}.{number % 250}", 8443)))
        values.append(Resource(ResourceName(name), LUEBECK, nodes=(ObjectId(name),)))
        values.append(Resource(ResourceName(name), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)))
        values.append(Grant(ObjectId(name), ResourceName(name), f"spiffe://luebeck.example/gateway/{name}"))
    return values


@pytest.mark.parametrize("count", [10, 100, 1_000])
def test_the_number_of_units_that_a_change_plans_does_not_grow(count: int) -> None:
    federator = started(*many(count))
    base = node("n7", LUEBECK, Endpoint("192.0.2.7", 8443))
    costs = []

    for changed in (
        base,
        replace(base, enabled=False),
        Grant(ObjectId("n3"), ResourceName("n3"), LUEBECK),
        Resource(ResourceName("n5"), BREMEN),
        node("late", LUEBECK, Endpoint("192.0.2.8", 8443)),
    ):
        before = federator.planned
        apply(federator, changed)
        costs.append(federator.planned - before)

    # The address alone: its import. Disabled: also the partner, and the grant to it. A resource of ours: its
    # export, and what our own applications call. The late node: the partner, and the grant to the whole
    # organisation.
    assert costs == [1, 3, 1, 2, 2]


def test_an_object_that_cannot_be_translated_stops_nothing_and_keeps_the_last_good() -> None:
    federator = started()
    unreadable = Bundle(LUEBECK, ("\ud800",), sequence=9)

    publication = apply(federator, unreadable, node("hh-1", HAMBURG, Endpoint("198.51.100.9", 443)))
    problems = [(problem.subject, problem.code) for problem in federator.problems]

    assert names(publication) == {(ENDPOINTS, "to/quotes.hamburg.example")}
    assert ("partner luebeck.example", "untranslatable") in problems
    repaired = apply(federator, Bundle(LUEBECK, ("pem",), sequence=10))
    assert (SECRET, "trust-luebeck.example") in names(repaired)
    assert "untranslatable" not in {problem.code for problem in federator.problems}


def test_a_new_object_that_cannot_be_translated_holds_up_what_refers_to_it_until_it_can() -> None:
    rostock = TrustDomain("rostock.example")
    federator = started()

    held = apply(
        federator,
        Agreement(rostock, AgreementState.TRUSTED),
        Bundle(rostock, ("\ud800",)),
        node("hro-1", rostock, Endpoint("203.0.113.1", 443)),
        Resource(ResourceName("ships"), rostock),
    )
    codes = {problem.code for problem in federator.problems}
    freed = apply(federator, Bundle(rostock, ("pem",)))

    assert names(held) == set()
    assert {"untranslatable", "dangling_reference"} <= codes
    assert {name for _, name in names(freed)} == {
        "trust-rostock.example",
        "trust-ingress",
        "to/ships.rostock.example",
    }
    assert not {"untranslatable", "dangling_reference"} & {problem.code for problem in federator.problems}


def test_it_says_what_it_knows() -> None:
    federator = started()

    assert federator.counts()[Kind.NODE] == 4
    assert federator.registered("gw-1")
    assert not federator.registered("gw-2")
    assert federator.admission("lb-1@luebeck.example") is None


def test_a_node_value_with_the_same_content_is_no_change() -> None:
    federator = started()
    before = federator.planned

    assert apply(federator, *[v for v in open_federation() if isinstance(v, Node)]) == Publication()
    assert federator.planned == before
