"""What is planned for one unit, and what is found wrong with it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Export, Import, Listeners, Partner, Policy, Unit, UnitKind
from control_plane.model.grant import Capability, Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from tests.golden.world import BREMEN, GATEWAY, HAMBURG, LUEBECK, ROSTOCK, node

Put = Callable[..., set[Unit]]

LB_1 = SpiffeId("spiffe://luebeck.example/gateway/lb-1")
LB_2 = SpiffeId("spiffe://luebeck.example/gateway/lb-2")
HH_1 = SpiffeId("spiffe://hamburg.example/gateway/hh-1")


def imported(world: World, key: str) -> Import:
    planned = federate(world, Unit(UnitKind.IMPORT, key)).planned
    assert isinstance(planned, Import)
    return planned


def exported(world: World, name: str) -> Export:
    planned = federate(world, Unit(UnitKind.EXPORT, name)).planned
    assert isinstance(planned, Export)
    return planned


def partner(world: World, organisation: str) -> Partner:
    planned = federate(world, Unit(UnitKind.PARTNER, organisation)).planned
    assert isinstance(planned, Partner)
    return planned


def codes(world: World, kind: UnitKind, key: str) -> list[str]:
    return [problem.code for problem in federate(world, Unit(kind, key)).problems]


def test_a_resource_without_nodes_is_served_by_every_enabled_node(world: World) -> None:
    served = imported(world, "orders@luebeck.example")

    assert [(t.node_id, t.endpoint.host) for t in served.targets] == [
        ("lb-1", "192.0.2.1"),
        ("lb-1", "192.0.2.2"),
        ("lb-2", "2001:db8::2"),
    ]


def test_a_resource_with_nodes_is_served_by_these_only(world: World) -> None:
    served = imported(world, "tools@luebeck.example")

    assert [t.node_id for t in served.targets] == ["lb-2"]


@pytest.mark.parametrize(
    "closing",
    [
        Agreement(LUEBECK, AgreementState.REVOKED),
        Agreement(LUEBECK, AgreementState.PENDING),
        Agreement(LUEBECK, AgreementState.UNTRUSTED),
        Agreement(LUEBECK, AgreementState.TRUSTED, paused=True),
        Bundle(LUEBECK, ()),
    ],
)
def test_a_closed_partner_keeps_its_imports_without_targets_and_loses_all_trust(
    world: World, put: Put, closing: Agreement | Bundle
) -> None:
    put(closing)

    assert imported(world, "orders@luebeck.example").targets == ()
    assert partner(world, LUEBECK) == Partner(LUEBECK, None, ())
    assert [identity for identity, _ in exported(world, "stock").allowed] == [HH_1]
    assert exported(world, "prices").allowed == ()


def test_a_partner_has_its_bundle_and_the_identities_of_its_enabled_nodes(world: World) -> None:
    assert partner(world, LUEBECK) == Partner(LUEBECK, world.bundles[LUEBECK], (LB_1, LB_2))


def test_grants_become_exact_identities_of_registered_nodes(world: World) -> None:
    part = (Capability(("GET", "HEAD"), "/items"), Capability(("POST",), "/orders/"), Capability(("PUT",)))

    assert exported(world, "stock").allowed == (
        (HH_1, (Policy("stock-read", part),)),
        (LB_1, (Policy("stock-to-luebeck", ()),)),
        (LB_2, (Policy("stock-to-luebeck", ()),)),
    )
    assert exported(world, "prices").allowed == ((LB_1, (Policy("prices-to-one", ()),)),)


def test_a_shadow_grant_allows_nobody_and_is_planned_apart(world: World, put: Put) -> None:
    put(Grant(ObjectId("trial"), ResourceName("agents"), HAMBURG, shadow=True))

    assert exported(world, "agents").allowed == ()
    assert exported(world, "agents").shadow == ((HH_1, (Policy("trial", ()),)),)


def test_tools_of_a_resource_that_has_none_allow_nothing(world: World, put: Put) -> None:
    tools = Capability(tools=("find",))
    put(
        Grant(ObjectId("only"), ResourceName("idle"), LB_1, (tools,)),
        Grant(ObjectId("partly"), ResourceName("idle"), LB_2, (tools, Capability(path="/a"))),
    )

    assert exported(world, "idle").allowed == ((LB_2, (Policy("partly", (Capability(path="/a"),)),)),)
    assert codes(world, UnitKind.EXPORT, "idle") == ["tools_without_mcp", "tools_without_mcp"]


def test_a_disabled_grant_allows_nobody(world: World) -> None:
    assert exported(world, "agents").allowed == ()
    assert codes(world, UnitKind.EXPORT, "agents") == []


def test_several_grants_to_one_identity_are_kept_by_id(world: World, put: Put) -> None:
    put(
        Grant(ObjectId("b"), ResourceName("agents"), LB_1, (Capability(path="/b"),)),
        Grant(ObjectId("a"), ResourceName("agents"), "spiffe://luebeck.example/gateway/*"),
    )

    allowed = dict(exported(world, "agents").allowed)

    assert [policy.id for policy in allowed[LB_1]] == ["a", "b"]
    assert [policy.id for policy in allowed[LB_2]] == ["a"]


def test_a_grant_to_an_id_that_no_node_carries_allows_nobody_and_is_named(world: World, put: Put) -> None:
    put(Grant(ObjectId("typo"), ResourceName("agents"), "spiffe://luebeck.example/gateway/lb-9"))

    assert exported(world, "agents").allowed == ()
    assert codes(world, UnitKind.EXPORT, "agents") == ["covers_nobody"]


def test_faults_of_grants_are_named_and_stop_nothing(world: World, put: Put) -> None:
    put(
        Grant(ObjectId("a"), ResourceName("stock"), BREMEN),
        Grant(ObjectId("b"), ResourceName("stock"), "stranger.example"),
        Grant(ObjectId("c"), ResourceName("nothing"), LUEBECK),
    )

    assert codes(world, UnitKind.EXPORT, "stock") == ["grant_to_ourselves", "unknown_partner"]
    assert len(exported(world, "stock").allowed) == 3
    nothing = federate(world, Unit(UnitKind.EXPORT, "nothing"))
    assert nothing.planned is None
    assert [(p.subject, p.code) for p in nothing.problems] == [("grant c", "unknown_resource")]


def test_faults_of_our_own_resources_are_named(world: World, put: Put) -> None:
    put(Resource(ResourceName("odd"), BREMEN, nodes=(ObjectId("lb-1"),)))

    assert codes(world, UnitKind.EXPORT, "odd") == ["nodes_on_own_resource", "no_upstream"]


def test_faults_of_imported_resources_are_named(world: World, put: Put) -> None:
    put(
        Resource(ResourceName("odd"), HAMBURG, upstreams=(Endpoint("127.0.0.1", 1),)),
        Resource(ResourceName("lost"), HAMBURG, nodes=tuple(ObjectId(f"x{n}") for n in range(7))),
        Resource(ResourceName("off"), LUEBECK, nodes=(ObjectId("lb-off"),)),
    )

    assert codes(world, UnitKind.IMPORT, "odd@hamburg.example") == ["upstreams_of_partner"]
    lost = federate(world, Unit(UnitKind.IMPORT, "lost@hamburg.example"))
    assert [problem.code for problem in lost.problems] == ["unknown_node", "no_node"]
    assert "x0, x1, x2, x3, x4 and 2 more" in lost.problems[0].detail
    assert codes(world, UnitKind.IMPORT, "off@luebeck.example") == ["no_node"]


def test_one_address_of_two_nodes_is_named_at_both(world: World, put: Put) -> None:
    put(node("hh-2", HAMBURG, Endpoint("192.0.2.1", 8443)))

    ours = federate(world, Unit(UnitKind.IMPORT, "orders@luebeck.example")).problems
    theirs = federate(world, Unit(UnitKind.IMPORT, "quotes@hamburg.example")).problems

    assert [(p.subject, p.code) for p in ours] == [("node lb-1@luebeck.example", "address_conflict")]
    assert [(p.subject, p.code) for p in theirs] == [("node hh-2@hamburg.example", "address_conflict")]
    assert "hh-2@hamburg.example" in ours[0].detail


def test_an_address_that_two_nodes_of_a_resource_share_is_one_target(world: World, put: Put) -> None:
    put(node("hh-2", HAMBURG, Endpoint("198.51.100.1", 443)))

    assert [t.node_id for t in imported(world, "quotes@hamburg.example").targets] == ["hh-1"]


def test_a_decision_about_a_partner_is_no_fault_but_missing_anchors_are(world: World, put: Put) -> None:
    put(
        Agreement(LUEBECK, AgreementState.PENDING),
        Agreement(HAMBURG, AgreementState.TRUSTED),
        Bundle(HAMBURG, ()),
        Resource(ResourceName("ships"), ROSTOCK),
    )

    assert codes(world, UnitKind.PARTNER, LUEBECK) == []
    assert codes(world, UnitKind.PARTNER, HAMBURG) == ["bundle_empty"]
    assert codes(world, UnitKind.PARTNER, ROSTOCK) == ["agreement_missing"]


def test_an_agreement_with_ourselves_is_refused(world: World, put: Put) -> None:
    put(Agreement(BREMEN, AgreementState.TRUSTED))

    outcome = federate(world, Unit(UnitKind.PARTNER, BREMEN))

    assert outcome.planned is None
    assert [problem.code for problem in outcome.problems] == ["own_agreement"]


def test_a_gateway_of_ours_listens_and_a_foreign_one_does_not(world: World, put: Put) -> None:
    same = replace(GATEWAY, id=ObjectId("gw-2"), egress=GATEWAY.ingress)
    foreign = replace(GATEWAY, id=ObjectId("gw-3"), spiffe_id=LB_1)
    put(same, foreign)

    assert federate(world, Unit(UnitKind.GATEWAY, "gw-1")).planned == Listeners(GATEWAY)
    assert codes(world, UnitKind.GATEWAY, "gw-2") == ["same_address"]
    assert codes(world, UnitKind.GATEWAY, "gw-3") == ["foreign_gateway"]


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        (Kind.RESOURCE, Unit(UnitKind.IMPORT, "quotes@hamburg.example")),
        (Kind.GATEWAY, Unit(UnitKind.GATEWAY, "gw-1")),
    ],
)
def test_what_is_gone_has_nothing_configured(world: World, kind: Kind, unit: Unit) -> None:
    world.apply([Item(kind, unit.key, None)])

    assert federate(world, unit) == (None, ())


def test_a_partner_of_whom_nothing_is_known_has_nothing_configured(world: World) -> None:
    assert federate(world, Unit(UnitKind.PARTNER, "stranger.example")) == (None, ())
    assert federate(world, Unit(UnitKind.IMPORT, "stock@bremen.example")) == (None, ())
