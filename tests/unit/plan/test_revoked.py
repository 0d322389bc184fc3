"""Nodes and certificates that were revoked, and the epoch that cuts connections."""

from dataclasses import replace

from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Export, Import, Listeners, Partner, Unit, UnitKind
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint, Node
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from tests.golden.world import HAMBURG, LUEBECK, ROSTOCK
from tests.unit.plan.conftest import Apply

LB_1 = SpiffeId("spiffe://luebeck.example/gateway/lb-1")
GATEWAY = Unit(UnitKind.GATEWAY, "gw-1")
STOCK = Unit(UnitKind.EXPORT, "stock")


def cut(number: int) -> Cut:
    return Cut(number, 1.0, "ada", "organisation")


def test_a_revoked_identity_is_nowhere_although_its_node_is_enabled(world: World, put: Apply) -> None:
    put(Agreement(LUEBECK, AgreementState.TRUSTED, revoked_identities=(LB_1,)))

    partner = federate(world, Unit(UnitKind.PARTNER, LUEBECK)).planned
    export = federate(world, STOCK).planned
    imported = federate(world, Unit(UnitKind.IMPORT, "orders@luebeck.example")).planned

    assert isinstance(partner, Partner)
    assert isinstance(export, Export)
    assert isinstance(imported, Import)
    assert LB_1 not in partner.identities
    assert partner.identities
    assert LB_1 not in dict(export.allowed)
    assert {target.node_id for target in imported.targets} == {"lb-2"}
    problem = world.admission("lb-1@luebeck.example")
    assert problem is not None
    assert problem.code == "identity_revoked"


def test_a_revoked_identity_under_another_node_s_name_stays_out(world: World, put: Apply) -> None:
    put(Agreement(LUEBECK, AgreementState.TRUSTED, revoked_identities=(LB_1,)))
    put(Node(ObjectId("new"), LUEBECK, LB_1, (Endpoint("192.0.2.77", 8443),)))

    partner = federate(world, Unit(UnitKind.PARTNER, LUEBECK)).planned

    assert isinstance(partner, Partner)
    assert LB_1 not in partner.identities


def test_revoked_serials_come_with_every_resource_that_the_partner_is_granted(
    world: World, put: Apply
) -> None:
    dirty = put(Agreement(HAMBURG, AgreementState.TRUSTED, revoked_serials=("01", "02")))

    export = federate(world, STOCK).planned

    assert STOCK in dirty
    assert isinstance(export, Export)
    assert export.revoked == ((HAMBURG, ("01", "02")),)


def test_the_epoch_counts_cuts_of_all_partners_and_touches_every_gateway(world: World, put: Apply) -> None:
    first = put(Agreement(LUEBECK, AgreementState.REVOKED, cut=cut(1)))
    second = put(Agreement(HAMBURG, AgreementState.TRUSTED, paused=True, cut=cut(3)))
    third = put(Agreement(HAMBURG, AgreementState.TRUSTED, cut=cut(3)))

    listeners = federate(world, GATEWAY).planned

    assert GATEWAY in first
    assert GATEWAY in second
    assert GATEWAY not in third
    assert isinstance(listeners, Listeners)
    assert listeners.epoch == world.epoch == 4


def test_an_agreement_that_is_gone_takes_its_count_along(world: World, put: Apply) -> None:
    agreement = Agreement(ROSTOCK, AgreementState.REVOKED, cut=cut(2))
    put(agreement)
    put(replace(agreement, reason="over"))

    dirty = world.apply([Item(Kind.AGREEMENT, ROSTOCK, None)])

    assert GATEWAY in dirty
    assert world.epoch == 0
