"""Groups as they are planned: order, members that are missing, and what touches them."""

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Condition, Import, Mixed, Own, Unit, UnitKind
from control_plane.model.group import Group, GroupMode
from control_plane.model.identity import ObjectId, ResourceName, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.problem import InvalidValueError
from control_plane.model.resource import Resource
from control_plane.model.steering import Steering
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from tests.golden.world import BREMEN, HAMBURG, LUEBECK, ROSTOCK
from tests.unit.plan.conftest import Apply

QUOTES = ResourceName("quotes")
UNIT = Unit(UnitKind.GROUP, "quotes@bremen.example")


def planned(world: World) -> Import:
    outcome = federate(world, UNIT).planned
    assert isinstance(outcome, Import)
    return outcome


def group(*members: TrustDomain, mode: GroupMode = GroupMode.FAILOVER) -> Group:
    return Group(QUOTES, BREMEN, members, mode)


def test_failover_ranks_members_in_their_order_and_balance_does_not(world: World, put: Apply) -> None:
    put(Resource(QUOTES, LUEBECK), group(LUEBECK, HAMBURG))
    ordered = planned(world)
    put(group(LUEBECK, HAMBURG, mode=GroupMode.BALANCE))
    balanced = planned(world)

    ranks = {target.organisation: target.rank for target in ordered.targets}
    assert ranks[LUEBECK] < ranks[HAMBURG]
    assert {target.rank for target in balanced.targets} == {0}
    assert ordered.organisations == (LUEBECK, HAMBURG)
    assert {target.host for target in ordered.targets} == {"quotes.luebeck.example", "quotes.hamburg.example"}


def test_a_member_that_offers_nothing_is_left_out_and_named(world: World, put: Apply) -> None:
    put(group(ROSTOCK, HAMBURG))

    outcome = federate(world, UNIT)

    assert [problem.code for problem in outcome.problems] == ["unknown_resource"]
    assert planned(world).organisations == (HAMBURG,)


def test_what_touches_a_member_touches_the_group(world: World, put: Apply) -> None:
    put(group(HAMBURG))

    touched = [
        put(Steering(ObjectId("hh-1"), HAMBURG, draining=True)),
        put(Agreement(HAMBURG, AgreementState.REVOKED)),
        world.apply([Item(Kind.RESOURCE, "quotes@hamburg.example", None)]),
        world.apply([Item(Kind.GROUP, "quotes@bremen.example", None)]),
    ]

    assert all(UNIT in units for units in touched)
    assert federate(world, UNIT).planned is None


def test_what_an_operator_decided_about_a_node_is_its_targets_condition(world: World, put: Apply) -> None:
    put(group(HAMBURG))
    seen = []
    for steering in (
        Steering(ObjectId("hh-1"), HAMBURG, draining=True),
        Steering(ObjectId("hh-1"), HAMBURG, draining=True, circuit_open=True),
        Steering(ObjectId("hh-1"), HAMBURG, resets=3),
    ):
        put(steering)
        seen += [(target.condition, target.resets) for target in planned(world).targets]

    assert seen == [(Condition.DRAINING, 0), (Condition.OPEN, 0), (Condition.NORMAL, 3)]


OURS = Resource(QUOTES, BREMEN, upstreams=(Endpoint("127.0.0.1", 9005),))


def mixed(world: World) -> Mixed:
    outcome = federate(world, UNIT).planned
    assert isinstance(outcome, Mixed)
    return outcome


def test_who_stands_before_us_is_asked_before_our_own_service_and_who_stands_behind_after(
    world: World, put: Apply
) -> None:
    put(OURS, Resource(QUOTES, LUEBECK), group(LUEBECK, BREMEN, HAMBURG))
    between = mixed(world)
    put(group(BREMEN, LUEBECK, HAMBURG))
    first = mixed(world)
    put(group(BREMEN))
    alone = mixed(world)

    assert between.ahead is not None
    assert between.behind is not None
    assert (between.ahead.organisations, between.behind.organisations) == ((LUEBECK,), (HAMBURG,))
    assert between.own == first.own == alone.own == Own(OURS)
    assert first.behind is not None
    assert first.behind.organisations == (LUEBECK, HAMBURG)
    assert (first.ahead, alone.ahead, alone.behind) == (None, None, None)


def test_our_own_service_shares_no_balance_with_partners() -> None:
    with pytest.raises(InvalidValueError, match="expected mode failover"):
        group(BREMEN, HAMBURG, mode=GroupMode.BALANCE)


def test_where_we_offer_nothing_partners_are_asked_and_we_are_named(world: World, put: Apply) -> None:
    put(group(BREMEN, HAMBURG))
    without = federate(world, UNIT).problems
    members = planned(world).organisations
    touched = put(Resource(QUOTES, BREMEN))
    nobody = put(group(BREMEN))

    assert [problem.code for problem in without] == ["unknown_resource"]
    assert members == (HAMBURG,)
    assert touched == {UNIT, Unit(UnitKind.EXPORT, "quotes")}
    assert nobody == {UNIT}
    assert [problem.code for problem in federate(world, UNIT).problems] == ["no_node"]


def test_a_group_takes_the_place_of_the_resource_of_its_name_and_gives_it_back(
    world: World, put: Apply
) -> None:
    nothing = federate(world, UNIT)
    put(OURS)
    alone = federate(world, UNIT)
    put(group(HAMBURG))
    grouped = planned(world).organisations
    world.apply([Item(Kind.GROUP, UNIT.key, None)])

    assert nothing == (None, ())
    assert alone == (Own(OURS), ())
    assert grouped == (HAMBURG,)
    assert federate(world, UNIT) == alone
