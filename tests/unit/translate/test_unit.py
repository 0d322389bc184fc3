"""What must hold in the resources of single units; the golden files show the rest."""

from dataclasses import replace

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2
from google.protobuf.json_format import MessageToDict

from control_plane.model.bundle import Bundle
from control_plane.model.federation import (
    Export,
    Import,
    Listeners,
    Mixed,
    Own,
    Partner,
    Planned,
    Policy,
    Target,
)
from control_plane.model.grant import Capability
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, ENDPOINTS
from control_plane.translate.rate_limits import by_peer
from control_plane.translate.rbac import allowing
from control_plane.translate.references import of_resource
from control_plane.translate.tls import SIGNS_NOTHING
from control_plane.translate.unit import Translated, egress_routes, ingress_routes, ingress_trust, translate
from tests.golden.world import BREMEN, GATEWAY, LUEBECK

LB_1 = SpiffeId("spiffe://luebeck.example/gateway/lb-1")
ORDERS = Resource(ResourceName("orders"), LUEBECK)
STOCK = Resource(ResourceName("stock"), BREMEN)
TARGET = Target(ObjectId("lb-1"), LUEBECK, Endpoint("192.0.2.1", 8443), ORDERS.host)


def translated(planned: Planned) -> Translated:
    return translate(planned, Tuning(), BREMEN)


@pytest.mark.parametrize(
    "planned",
    [
        Import(ORDERS, (TARGET,), (LUEBECK,)),
        Export(STOCK, ((LB_1, (Policy("g", ()),)),)),
        Partner(LUEBECK, Bundle(LUEBECK, ("pem",)), (LB_1,)),
        Listeners(GATEWAY),
        Own(STOCK),
        Mixed(STOCK, Import(ORDERS, (TARGET,), (LUEBECK,)), Own(STOCK), None),
    ],
)
def test_equal_values_give_equal_bytes(planned: Planned) -> None:
    assert translated(planned) == translated(replace(planned))


def test_an_import_without_targets_is_a_cluster_without_endpoints() -> None:
    cluster, assignment = translated(Import(ORDERS, (), (LUEBECK,))).resources

    assert (cluster.type_url, assignment.type_url) == (CLUSTER, ENDPOINTS)
    assert cluster.name == assignment.name == "to/orders.luebeck.example"
    assert not endpoint_pb2.ClusterLoadAssignment.FromString(assignment.body).endpoints


def test_a_changed_address_changes_the_assignment_and_not_the_cluster() -> None:
    moved = replace(TARGET, endpoint=Endpoint("192.0.2.2", 8443))

    before, after = (
        translated(Import(ORDERS, (target,), (LUEBECK,))).resources for target in (TARGET, moved)
    )

    assert before[0] == after[0]
    assert before[1].version != after[1].version


def test_no_endpoint_of_an_import_can_be_dialled_in_plaintext() -> None:
    body = translated(Import(ORDERS, (TARGET,), (LUEBECK,))).resources[0].body

    matches = cluster_pb2.Cluster.FromString(body).transport_socket_matches

    last = tls_pb2.UpstreamTlsContext.FromString(matches[-1].transport_socket.typed_config.value)
    assert not matches[-1].match.fields
    assert last.common_tls_context.validation_context.trusted_ca.inline_string == SIGNS_NOTHING


@pytest.mark.parametrize(
    "partner",
    [
        Partner(LUEBECK, None, ()),
        Partner(LUEBECK, Bundle(LUEBECK, ()), (LB_1,)),
        Partner(LUEBECK, Bundle(LUEBECK, ("pem",)), ()),
        Partner(LUEBECK, None, (LB_1,)),
    ],
)
def test_what_is_not_wholly_trusted_trusts_an_anchor_that_signs_nothing(partner: Partner) -> None:
    secret = secret_pb2.Secret.FromString(translated(partner).resources[0].body)

    assert secret.validation_context.trusted_ca.inline_string == SIGNS_NOTHING
    assert [each.matcher.exact for each in secret.validation_context.match_typed_subject_alt_names] == [
        "spiffe://nobody.invalid/nobody"
    ]


@pytest.mark.parametrize("bundle", [None, Bundle(LUEBECK, ())])
def test_a_partner_without_anchors_has_no_part_in_the_ingress(bundle: Bundle | None) -> None:
    assert translated(Partner(LUEBECK, bundle, ())).trust_domain == b""


def test_anchors_and_revocations_of_a_partner_stay_in_its_own_domain() -> None:
    bundle = Bundle(LUEBECK, ("anchor one", "anchor two\n"), ("crl",))
    part = translated(Partner(LUEBECK, bundle, (LB_1,)))

    outgoing = secret_pb2.Secret.FromString(part.resources[0].body).validation_context
    incoming = ingress_trust(BREMEN, [part.trust_domain]).body

    assert outgoing.trusted_ca.inline_string == "anchor one\nanchor two\n"
    assert outgoing.crl.inline_string == "crl\n"
    assert b"anchor one\nanchor two\ncrl\n" in incoming
    assert incoming.count(SIGNS_NOTHING.encode()) == 1


def test_an_export_that_allows_nobody_has_no_rule_so_that_the_filter_denies() -> None:
    body = translated(Export(STOCK, ())).virtual_host

    (host,) = route_pb2.RouteConfiguration.FromString(body).virtual_hosts
    assert not host.typed_per_filter_config
    with pytest.raises(ValueError, match="would not deny"):
        allowing(())


def test_beside_a_shadow_alone_everything_is_denied() -> None:
    packed = allowing((), shadow=[(LB_1, (Policy("trial", ()),))])

    rule = rbac_pb2.RBACPerRoute.FromString(packed.value).rbac
    assert rule.HasField("rules")
    assert not rule.HasField("matcher")
    assert (rule.rules.action, len(rule.rules.policies)) == (0, 0)  # ALLOW is a list, and it is empty
    assert list(rule.shadow_matcher.matcher_tree.exact_match_map.map) == [LB_1]


def test_a_grant_of_everything_wins_over_grants_of_parts() -> None:
    part = Policy("a-part", (Capability(("GET",), "/x"),))
    any_request = Policy("b-any", (Capability(("GET",), "/y"), Capability()))

    whole = _action((part, Policy("z-all", ())))
    by_capability = _action((part, any_request))

    assert whole == "z-all"
    assert by_capability == "b-any"


def _action(policies: tuple[Policy, ...]) -> str:
    """The name of the decision that needs no further look at the request."""
    rule = rbac_pb2.RBACPerRoute.FromString(allowing([(LB_1, policies)]).value)
    decision = rule.rbac.matcher.matcher_tree.exact_match_map.map[LB_1].action.typed_config.value
    return decision[2 : 2 + decision[1]].decode()


def test_shared_resources_are_the_concatenation_of_their_parts() -> None:
    parts = [
        translated(Export(resource, ())).virtual_host
        for resource in (STOCK, replace(STOCK, name=ResourceName("z")))
    ]

    routes = route_pb2.RouteConfiguration.FromString(ingress_routes(parts).body)

    assert [host.name for host in routes.virtual_hosts] == ["export/stock", "export/z"]
    assert routes.name == "ingress"
    assert egress_routes(Tuning(), BREMEN, []).name == "egress"


def test_checks_go_over_the_same_connections_and_prove_only_that_the_gateway_is_there() -> None:
    planned = Import(ORDERS, (TARGET,), (LUEBECK,))
    off = translate(planned, Tuning(), BREMEN).resources[0].body
    on = translate(planned, Tuning(check_interval=5), BREMEN).resources[0].body

    (check,) = cluster_pb2.Cluster.FromString(on).health_checks
    assert not cluster_pb2.Cluster.FromString(off).health_checks
    assert check.http_health_check.path == "/.well-known/proxenia-health"
    assert (check.interval.seconds, check.no_traffic_interval.seconds) == (5, 5)
    assert not check.HasField("transport_socket_match_criteria")


def test_every_limit_has_a_bucket_and_who_has_another_is_said_by_the_routes() -> None:
    export = Export(STOCK, ((LB_1, (Policy("g", ()),)),), limits=((LB_1, 500),))
    hosts = route_pb2.RouteConfiguration.FromString(translated(export).virtual_host).virtual_hosts

    limited = by_peer((10_000, 500), Tuning(burst=20))
    buckets = {one.entries[0].value: one.token_bucket for one in limited.descriptors}
    facts = [MessageToDict(route.metadata)["filterMetadata"]["proxenia"] for route in hosts[0].routes]

    assert {name: (one.max_tokens, one.tokens_per_fill.value) for name, one in buckets.items()} == {
        "10000": (20, 10_000),
        "500": (20, 500),
    }
    assert limited.token_bucket == buckets["10000"]  # for a number that this listener does not know
    assert all(one["limits"] == {LB_1: "500"} for one in facts)


@pytest.mark.parametrize("kind", ResourceKind)
def test_our_own_applications_reach_a_service_as_the_ingress_does_and_no_partner_is_named(
    kind: ResourceKind,
) -> None:
    stock = replace(
        STOCK, kind=kind, upstreams=(Endpoint("127.0.0.1", 9000), Endpoint("127.0.0.1", 9001, 1, 7))
    )
    inward, outward = (
        {r.type_url: r.body for r in translated(planned).resources}
        for planned in (Export(stock, ()), Own(stock))
    )

    ours, theirs = (cluster_pb2.Cluster.FromString(each[CLUSTER]) for each in (outward, inward))
    assert (ours.name, theirs.name) == ("to/stock.bremen.example", "local/stock")
    theirs.name, theirs.alt_stat_name = ours.name, ours.alt_stat_name
    assert ours == theirs
    asked, served = (
        endpoint_pb2.ClusterLoadAssignment.FromString(each[ENDPOINTS]) for each in (outward, inward)
    )
    for locality in asked.endpoints:
        for endpoint in locality.lb_endpoints:
            assert endpoint.endpoint.hostname == "stock.bremen.example"
            assert MessageToDict(endpoint.metadata)["filterMetadata"] == {
                "proxenia": {"node": "bremen.example"}
            }
            endpoint.endpoint.hostname = ""
            endpoint.ClearField("metadata")
    assert asked.endpoints == served.endpoints


def test_a_group_with_ourselves_needs_its_parts_and_no_host_can_name_one() -> None:
    side = Import(ORDERS, (TARGET,), (LUEBECK,))
    resources = translated(Mixed(STOCK, side, Own(STOCK), side)).resources

    whole = resources[-1]
    parts = [resource.name for resource in resources if resource.type_url == CLUSTER][:-1]
    assert whole.name == "to/stock.bremen.example"
    assert parts == [f"group/stock.bremen.example/{part}" for part in ("ahead", "own", "behind")]
    assert [reference.name for reference in of_resource(whole)] == parts
    assert not any(part.startswith("to/") for part in parts)


def test_hosts_of_ours_lose_what_an_ingress_would_remove_and_partners_hosts_do_not() -> None:
    timed = translated(Own(replace(STOCK, timeout_seconds=2))).egress_host
    hosts = route_pb2.RouteConfiguration.FromString(
        egress_routes(Tuning(), BREMEN, [timed]).body
    ).virtual_hosts
    removed = {tuple(host.domains): set(host.request_headers_to_remove) for host in hosts}

    ours = removed["*.bremen.example",]
    assert {"x-proxenia-serial", "x-original-url", "x-http-method-override"} <= ours - removed["*",]
    assert removed["stock.bremen.example",] == ours
