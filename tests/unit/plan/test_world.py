"""Which units a change touches: all that it concerns, and none besides."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Unit, UnitKind
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.plan.world import World
from tests.golden.world import BREMEN, GATEWAY, HAMBURG, LUEBECK, ROSTOCK, node

Put = Callable[..., set[Unit]]

ORDERS = Unit(UnitKind.IMPORT, "orders@luebeck.example")
TOOLS = Unit(UnitKind.IMPORT, "tools@luebeck.example")
QUOTES = Unit(UnitKind.IMPORT, "quotes@hamburg.example")
STOCK = Unit(UnitKind.EXPORT, "stock")
PRICES = Unit(UnitKind.EXPORT, "prices")
AGENTS = Unit(UnitKind.EXPORT, "agents")
PARTNER_LUEBECK = Unit(UnitKind.PARTNER, "luebeck.example")
PARTNER_HAMBURG = Unit(UnitKind.PARTNER, "hamburg.example")
PARTNER_ROSTOCK = Unit(UnitKind.PARTNER, "rostock.example")


def gone(kind: Kind, key: str) -> Item:
    return Item(kind, key, None)


def test_a_changed_endpoint_touches_only_the_imports_that_the_node_serves(world: World, put: Put) -> None:
    lb_1 = world.nodes["lb-1@luebeck.example"]

    assert put(replace(lb_1, endpoints=(Endpoint("192.0.2.77", 8443),))) == {ORDERS}


def test_the_same_object_again_touches_nothing(world: World, put: Put) -> None:
    assert put(*world.nodes.values(), *world.resources.values()) == set()


def test_a_name_or_label_touches_nothing(world: World, put: Put) -> None:
    lb_1 = world.nodes["lb-1@luebeck.example"]

    assert put(replace(lb_1, name="Holstentor", metadata={"a": "b"})) == set()


def test_a_limit_touches_what_is_granted_and_one_that_nobody_had_the_gateways(world: World, put: Put) -> None:
    lb_1, lb_2 = (world.nodes[f"lb-{number}@luebeck.example"] for number in (1, 2))

    first = put(replace(lb_1, rate_limit_per_hour=5))
    second = put(replace(lb_2, rate_limit_per_hour=5))

    assert first == {STOCK, PRICES, Unit(UnitKind.GATEWAY, "gw-1")}
    assert Unit(UnitKind.GATEWAY, "gw-1") not in second
    assert STOCK in second


def test_a_new_identity_touches_the_partner_and_the_grants_that_cover_it(world: World, put: Put) -> None:
    lb_1 = world.nodes["lb-1@luebeck.example"]
    identity = SpiffeId("spiffe://luebeck.example/gateway/other")

    assert put(replace(lb_1, spiffe_id=identity)) == {PARTNER_LUEBECK, STOCK, PRICES}


def test_an_identity_that_another_node_carries_too_touches_nothing_more(world: World, put: Put) -> None:
    lb_1 = world.nodes["lb-1@luebeck.example"]
    twin = replace(lb_1, node_id=ObjectId("lb-1b"), endpoints=(Endpoint("192.0.2.50", 8443),))

    assert put(twin) == {ORDERS}
    assert world.apply([gone(Kind.NODE, lb_1.key)]) == {ORDERS}


def test_disabling_a_node_takes_its_addresses_and_its_identity(world: World, put: Put) -> None:
    lb_2 = world.nodes["lb-2@luebeck.example"]

    assert put(replace(lb_2, enabled=False)) == {ORDERS, TOOLS, PARTNER_LUEBECK, STOCK}
    assert put(replace(lb_2, enabled=True)) == {ORDERS, TOOLS, PARTNER_LUEBECK, STOCK}


def test_a_node_that_resources_wait_for_touches_them(world: World, put: Put) -> None:
    put(Resource(ResourceName("later"), HAMBURG, nodes=(ObjectId("hh-2"),)))
    later = Unit(UnitKind.IMPORT, "later@hamburg.example")
    hh_2 = node("hh-2", HAMBURG, Endpoint("198.51.100.2", 443), enabled=False)

    assert put(hh_2) == {later}
    assert world.apply([gone(Kind.NODE, hh_2.key)]) == {later}


def test_an_address_that_two_organisations_claim_touches_both(put: Put) -> None:
    claimant = node("hh-2", HAMBURG, Endpoint("192.0.2.1", 8443))

    assert put(claimant) == {QUOTES, ORDERS, PARTNER_HAMBURG, STOCK, AGENTS}


def test_pausing_a_partner_touches_what_it_serves_and_what_it_may_use(put: Put) -> None:
    paused = Agreement(HAMBURG, AgreementState.TRUSTED, paused=True)

    assert put(paused) == {PARTNER_HAMBURG, QUOTES, STOCK, AGENTS}
    assert put(replace(paused, reason="audit")) == {PARTNER_HAMBURG}


def test_new_anchors_touch_the_partner_and_lost_ones_everything_of_it(put: Put) -> None:
    assert put(Bundle(HAMBURG, ("other",), sequence=1)) == {PARTNER_HAMBURG}
    assert put(Bundle(HAMBURG, (), sequence=2)) == {PARTNER_HAMBURG, QUOTES, STOCK, AGENTS}


def test_a_first_and_a_last_word_about_a_partner_touch_it(world: World, put: Put) -> None:
    ship = Resource(ResourceName("ships"), ROSTOCK)
    ships = Unit(UnitKind.IMPORT, "ships@rostock.example")
    hro = node("hro-1", ROSTOCK, Endpoint("203.0.113.1", 443), enabled=False)

    assert put(ship) == {ships, PARTNER_ROSTOCK}
    assert put(hro) == set()
    assert world.apply([gone(Kind.RESOURCE, ship.key)]) == {ships}
    assert world.apply([gone(Kind.NODE, hro.key)]) == {PARTNER_ROSTOCK}


def test_a_resource_that_moves_to_other_nodes_is_found_at_them(world: World, put: Put) -> None:
    assert put(Resource(ResourceName("orders"), LUEBECK, nodes=(ObjectId("lb-2"),))) == {ORDERS}

    lb_1 = world.nodes["lb-1@luebeck.example"]
    assert put(replace(lb_1, endpoints=(Endpoint("192.0.2.78", 8443),))) == set()


def test_a_grant_touches_its_resource_before_and_after(world: World, put: Put) -> None:
    moved = Grant(ObjectId("prices-to-one"), ResourceName("stock"), HAMBURG)

    assert put(moved) == {PRICES, STOCK}
    assert world.apply([gone(Kind.GRANT, moved.id)]) == {STOCK}


def test_our_own_resource_is_an_export_and_a_name_and_our_own_nodes_are_nothing(
    world: World, put: Put
) -> None:
    new = {Unit(UnitKind.EXPORT, "new"), Unit(UnitKind.GROUP, "new@bremen.example")}
    assert put(Resource(ResourceName("new"), BREMEN)) == new
    assert put(node("gw-1", BREMEN, Endpoint("10.0.0.1", 8443))) == set()
    problem = world.admission("gw-1@bremen.example")
    assert problem is not None
    assert problem.code == "own_node"


def test_a_gateway_touches_itself(world: World) -> None:
    assert world.apply([gone(Kind.GATEWAY, GATEWAY.key)]) == {Unit(UnitKind.GATEWAY, "gw-1")}


def test_what_was_never_there_can_go_without_touching_anything(world: World) -> None:
    items = [gone(Kind.NODE, "x@hamburg.example"), gone(Kind.RESOURCE, "x@y"), gone(Kind.GRANT, "x")]

    assert world.apply(items) == set()


def test_objects_are_counted_by_kind(world: World) -> None:
    assert world.counts() == {
        Kind.NODE: 4,
        Kind.AGREEMENT: 2,
        Kind.BUNDLE: 2,
        Kind.RESOURCE: 7,
        Kind.GRANT: 4,
        Kind.GATEWAY: 1,
        Kind.GROUP: 0,
        Kind.STEERING: 0,
        Kind.SIGHTING: 0,
    }


def test_admission_is_told_by_key(world: World) -> None:
    assert world.admission("lb-1@luebeck.example") is None
    disabled, unknown = world.admission("lb-off@luebeck.example"), world.admission("x@y")
    assert disabled is not None
    assert disabled.code == "node_disabled"
    assert unknown is not None
    assert unknown.code == "node_unknown"


def test_a_value_of_another_kind_is_a_defect_that_is_not_passed_over(world: World) -> None:
    with pytest.raises(TypeError, match="expected a value of kind node"):
        world.apply([Item(Kind.NODE, "gw-1", GATEWAY)])
