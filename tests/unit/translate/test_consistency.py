"""A reference that does not resolve stops the unit that has it, and only that one."""

from collections.abc import Mapping

import pytest
from envoy.config.cluster.v3 import cluster_pb2

from control_plane.model.bundle import Bundle
from control_plane.model.federation import Export, Import, Listeners, Partner, Unit, UnitKind
from control_plane.model.identity import ResourceName, SpiffeId
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, ENDPOINTS, ROUTES, SECRET, XdsResource
from control_plane.translate.consistency import Consistency
from control_plane.translate.references import Reference, of_resource
from control_plane.translate.tls import denying_socket
from control_plane.translate.unit import Translated, egress_routes, translate
from tests.golden.world import BREMEN, GATEWAY, LUEBECK

IMPORT = Unit(UnitKind.IMPORT, "orders@luebeck.example")
PARTNER = Unit(UnitKind.PARTNER, "luebeck.example")
EXPORT = Unit(UnitKind.EXPORT, "stock")
LISTENERS = Unit(UnitKind.GATEWAY, "gw-1")
SHARED = (Reference(ROUTES, "ingress"), Reference(ROUTES, "egress"), Reference(SECRET, "trust-ingress"))

orders = translate(Import(Resource(ResourceName("orders"), LUEBECK), (), (LUEBECK,)), Tuning(), BREMEN)
identity = SpiffeId("spiffe://luebeck.example/gateway/lb-1")
luebeck = translate(Partner(LUEBECK, Bundle(LUEBECK, ("pem",)), (identity,)), Tuning(), BREMEN)
stock = translate(Export(Resource(ResourceName("stock"), BREMEN), ()), Tuning(), BREMEN)
listeners = translate(Listeners(GATEWAY), Tuning(), BREMEN)


def accepted(consistency: Consistency, step: Mapping[Unit, Translated | None]) -> dict[Unit, Problem]:
    """All of the step at once."""
    steps = consistency.accept(step)
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            refused: dict[Unit, Problem] = finished.value
            return refused


def test_everything_that_belongs_together_is_accepted_in_any_order() -> None:
    step = {IMPORT: orders, PARTNER: luebeck, EXPORT: stock, LISTENERS: listeners}

    assert accepted(Consistency(SHARED), step) == {}
    assert accepted(Consistency(SHARED), dict(reversed(step.items()))) == {}


def test_references_are_read_from_the_bytes() -> None:
    needs = {need for resource in (*orders.resources, *listeners.resources) for need in of_resource(resource)}

    assert needs == {
        Reference(SECRET, "trust-luebeck.example"),
        Reference(ENDPOINTS, "to/orders.luebeck.example"),
        *SHARED,
    }
    assert list(of_resource(egress_routes(Tuning(), BREMEN, []))) == []


def test_a_cluster_without_its_secret_is_refused_and_the_rest_accepted() -> None:
    consistency = Consistency(SHARED)

    refused = accepted(consistency, {IMPORT: orders, EXPORT: stock})

    assert {unit: problem.code for unit, problem in refused.items()} == {IMPORT: "dangling_reference"}
    assert "Secret trust-luebeck.example" in refused[IMPORT].detail
    assert accepted(consistency, {IMPORT: orders, PARTNER: luebeck}) == {}


def test_a_listener_without_routes_is_refused() -> None:
    refused = accepted(Consistency(SHARED[1:]), {LISTENERS: listeners})

    assert "RouteConfiguration ingress" in refused[LISTENERS].detail


def test_a_route_to_a_cluster_that_is_not_there_is_refused() -> None:
    without = Translated(stock.resources[1:], virtual_host=stock.virtual_host)

    refused = accepted(Consistency(SHARED), {EXPORT: without})

    assert "Cluster local/stock" in refused[EXPORT].detail


def test_a_secret_stays_while_a_cluster_refers_to_it() -> None:
    consistency = Consistency(SHARED)
    accepted(consistency, {IMPORT: orders, PARTNER: luebeck})

    refused = accepted(consistency, {PARTNER: None})

    assert refused[PARTNER].code == "still_referenced"
    assert "import orders@luebeck.example" in refused[PARTNER].detail
    assert accepted(consistency, {IMPORT: None, PARTNER: None}) == {}


def test_a_resource_may_move_from_one_unit_to_another_in_one_step() -> None:
    consistency = Consistency(SHARED)
    with_cluster = Translated((*luebeck.resources, *orders.resources[:1]))
    accepted(consistency, {PARTNER: with_cluster, IMPORT: Translated(orders.resources[1:])})

    refused = accepted(consistency, {PARTNER: luebeck, IMPORT: orders})

    assert refused == {}


def test_a_chain_of_refusals_ends_with_what_was_before() -> None:
    consistency = Consistency(SHARED)
    broken = Translated((*luebeck.resources, *stock.resources[:1]))  # a cluster without its endpoints

    refused = accepted(consistency, {PARTNER: broken, IMPORT: orders})

    assert {unit: problem.code for unit, problem in refused.items()} == {
        PARTNER: "dangling_reference",
        IMPORT: "dangling_reference",
    }
    assert accepted(consistency, {PARTNER: luebeck, IMPORT: orders}) == {}


@pytest.mark.parametrize("thief", [luebeck, Translated((egress_routes(Tuning(), BREMEN, []),))])
def test_one_name_belongs_to_one_unit(thief: Translated) -> None:
    consistency = Consistency(SHARED)
    accepted(consistency, {PARTNER: luebeck})

    refused = accepted(consistency, {EXPORT: thief})

    assert refused[EXPORT].code == "duplicate_resource"


def test_the_socket_of_a_cluster_counts_as_well() -> None:
    cluster = cluster_pb2.Cluster(name="x", transport_socket=denying_socket())

    assert list(of_resource(XdsResource.of(CLUSTER, "x", cluster.SerializeToString()))) == []
