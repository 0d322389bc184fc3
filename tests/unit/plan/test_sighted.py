"""What sightings touch: nothing of strangers, and of partners no more than a node of the operator would."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Import, Unit, UnitKind
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.sighting import Sighting, SourceKind
from control_plane.plan.federate import federate
from control_plane.plan.merge import LAST
from control_plane.plan.world import World
from tests.golden.world import HAMBURG, LUEBECK, ROSTOCK, node

Put = Callable[..., set[Unit]]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDERS = Unit(UnitKind.IMPORT, "orders@luebeck.example")
PARTNER_LUEBECK = Unit(UnitKind.PARTNER, "luebeck.example")
STOCK = Unit(UnitKind.EXPORT, "stock")


def held(
    name: str, organisation: TrustDomain, *, source: str = "dns-sd", minute: int = 0, identity: str = ""
) -> Held:
    sighting = Sighting(
        source=source,
        kind=SourceKind(source),
        node_id=ObjectId(name),
        organisation=organisation,
        spiffe_id=SpiffeId(f"spiffe://{organisation}/gateway/{identity or name}"),
        endpoints=(Endpoint("8.8.8.8", 443),),
    )
    return Held(sighting=sighting, since=NOON + timedelta(minutes=minute))


def gone(one: Held) -> Item:
    return Item(Kind.SIGHTING, one.key, None)


def targets(world: World) -> list[tuple[str, int]]:
    planned = federate(world, ORDERS).planned
    assert isinstance(planned, Import)
    return sorted((target.node_id, target.endpoint.priority) for target in planned.targets)


def test_a_stranger_touches_nothing_however_much_it_publishes(world: World, put: Put) -> None:
    strangers = [held(f"hro-{number}", ROSTOCK) for number in range(20)]

    assert put(*strangers) == set()
    assert not world.known(ROSTOCK)
    assert "hro-1@rostock.example" not in world.nodes
    problem = world.admission("hro-1@rostock.example")
    assert problem is not None
    assert problem.code == "agreement_missing"


def test_an_agreement_takes_in_what_was_discovered_before_and_its_end_lets_it_go(
    world: World, put: Put
) -> None:
    put(held("hro-1", ROSTOCK))

    put(Agreement(ROSTOCK, AgreementState.TRUSTED))
    assert "hro-1@rostock.example" in world.nodes
    world.apply([Item(Kind.AGREEMENT, ROSTOCK, None)])
    assert "hro-1@rostock.example" not in world.nodes
    assert not world.known(ROSTOCK)


def test_a_discovered_node_of_a_trusted_partner_serves_what_the_partner_serves(
    world: World, put: Put
) -> None:
    new = held("lb-9", LUEBECK)

    assert put(new) == {ORDERS, PARTNER_LUEBECK, STOCK}
    assert ("lb-9", 0) in targets(world)
    assert world.admission(new.node_key) is None
    world.apply([gone(new)])
    assert "lb-9" not in dict(targets(world))


def test_an_offline_node_is_tried_last(world: World, put: Put) -> None:
    put(replace(held("lb-9", LUEBECK), offline=True))

    assert ("lb-9", LAST) in targets(world)


def test_what_sources_say_of_the_operators_node_touches_nothing(world: World, put: Put) -> None:
    assert put(held("lb-1", LUEBECK)) == set()
    assert world.nodes["lb-1@luebeck.example"].endpoints[0].host == "192.0.2.1"


def test_a_contradiction_is_a_problem_of_the_partner_and_goes_with_it(world: World, put: Put) -> None:
    put(held("lb-9", LUEBECK))
    other = held("lb-9", LUEBECK, source="mdns", minute=1, identity="mallory")

    assert put(other) == {PARTNER_LUEBECK}
    codes = [problem.code for problem in federate(world, PARTNER_LUEBECK).problems]
    assert codes == ["identity_conflict"]
    assert world.apply([gone(other)]) == {PARTNER_LUEBECK}
    assert federate(world, PARTNER_LUEBECK).problems == ()


def test_contradictions_of_strangers_are_told_but_are_no_problem_of_ours(world: World, put: Put) -> None:
    put(held("hro-1", ROSTOCK))

    assert put(held("hro-1", ROSTOCK, source="mdns", minute=1, identity="mallory")) == set()
    assert [problem.code for problem in world.sighted.all_conflicts()] == ["identity_conflict"]


def test_the_operators_word_over_a_discovered_node_is_what_counts(world: World, put: Put) -> None:
    put(held("lb-9", LUEBECK))

    put(node("lb-9", LUEBECK, Endpoint("192.0.2.9", 443), enabled=False))
    assert "lb-9" not in dict(targets(world))
    world.apply([Item(Kind.NODE, "lb-9@luebeck.example", None)])
    assert ("lb-9", 0) in targets(world)


def test_sightings_are_counted(world: World, put: Put) -> None:
    one, two = held("a", HAMBURG), held("a", HAMBURG, source="mdns")
    put(one, two, one)
    world.apply([gone(two), gone(two)])

    assert world.counts()[Kind.SIGHTING] == 1
