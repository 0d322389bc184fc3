"""Groups as they are planned: order, members that are missing, and what touches them."""

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Condition, Import, Unit, UnitKind
from control_plane.model.group import Group, GroupMode
from control_plane.model.identity import ObjectId, ResourceName, TrustDomain
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
