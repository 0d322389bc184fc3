"""An upstream that is our own egress may serve partners, and is never asked by the egress itself."""

from dataclasses import replace

from control_plane.model.federation import Export, Mixed, Own, Unit, UnitKind
from control_plane.model.group import Group
from control_plane.model.identity import ResourceName
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from tests.golden.world import BREMEN, GATEWAY, HAMBURG
from tests.unit.plan.conftest import Apply

UNIT = Unit(UnitKind.GROUP, "quotes@bremen.example")
SERVICE = Endpoint("127.0.0.1", 9005)
OURS = Resource(ResourceName("quotes"), BREMEN, upstreams=(GATEWAY.egress, SERVICE))


def asked(world: World) -> tuple[tuple[Endpoint, ...], list[str]]:
    outcome = federate(world, UNIT)
    planned = outcome.planned
    own = planned.own if isinstance(planned, Mixed) else planned
    assert isinstance(own, Own)
    return own.resource.upstreams, [problem.code for problem in outcome.problems]


def test_our_own_egress_is_left_out_and_named_until_it_is_elsewhere(world: World, put: Apply) -> None:
    put(OURS)
    alone = asked(world)
    put(Group(OURS.name, BREMEN, (BREMEN, HAMBURG)))
    grouped = asked(world)
    touched = put(replace(GATEWAY, egress=Endpoint("127.0.0.1", 8081)))

    exported = federate(world, Unit(UnitKind.EXPORT, "quotes")).planned
    assert alone == grouped == ((SERVICE,), ["upstream_is_egress"])
    assert UNIT in touched
    assert asked(world) == (OURS.upstreams, [])
    assert isinstance(exported, Export)
    assert exported.resource == OURS


def test_an_egress_on_every_address_is_on_the_loopback_and_another_host_s_port_is_not_ours(
    world: World, put: Apply
) -> None:
    everywhere = replace(GATEWAY, egress=Endpoint("0.0.0.0", 9005))  # noqa: S104 - what is tested
    put(everywhere)
    put(replace(OURS, upstreams=(SERVICE, Endpoint("192.0.2.7", 9005))))

    assert asked(world) == ((Endpoint("192.0.2.7", 9005),), ["upstream_is_egress"])
