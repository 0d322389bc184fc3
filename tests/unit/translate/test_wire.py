"""Parts that are put together by hand are what protobuf itself would have made."""

import pytest
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_spiffe_validator_config_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.wrappers_pb2 import BytesValue, UInt64Value
from hypothesis import given
from hypothesis import strategies as st
from xds.type.matcher.v3 import matcher_pb2

from control_plane.model.node import Endpoint
from control_plane.translate import clusters, endpoints, rbac, routes, secrets
from control_plane.translate.wire import delimited, number, varint

_Tree = matcher_pb2.Matcher.MatcherTree


@given(st.integers(min_value=1, max_value=2**64 - 1))
def test_a_number_is_written_as_protobuf_writes_it(value: int) -> None:
    assert number(1, value) == UInt64Value(value=value).SerializeToString()


@given(st.binary(min_size=1, max_size=400))
def test_a_part_is_written_as_protobuf_writes_it(body: bytes) -> None:
    assert delimited(1, body) == BytesValue(value=body).SerializeToString()


def test_zero_is_one_byte() -> None:
    assert varint(0) == b"\0"


@pytest.mark.parametrize(
    ("message", "field", "number_used"),
    [
        (endpoint_pb2.ClusterLoadAssignment.DESCRIPTOR, "cluster_name", endpoints.CLUSTER_NAME),
        (endpoint_pb2.ClusterLoadAssignment.DESCRIPTOR, "endpoints", endpoints.LOCALITIES),
        (endpoint_components_pb2.LocalityLbEndpoints.DESCRIPTOR, "lb_endpoints", endpoints.LB_ENDPOINTS),
        (endpoint_components_pb2.LocalityLbEndpoints.DESCRIPTOR, "priority", endpoints.PRIORITY),
        (endpoint_components_pb2.LbEndpoint.DESCRIPTOR, "metadata", endpoints.METADATA),
        (cluster_pb2.Cluster.DESCRIPTOR, "load_assignment", clusters.LOAD_ASSIGNMENT),
        (_Tree.MatchMap.DESCRIPTOR, "map", rbac.MAP_ENTRIES),
        (_Tree.DESCRIPTOR, "input", rbac.TREE_INPUT),
        (_Tree.DESCRIPTOR, "exact_match_map", rbac.TREE_EXACT_MAP),
        (matcher_pb2.Matcher.DESCRIPTOR, "matcher_tree", rbac.MATCHER_TREE),
        (matcher_pb2.Matcher.DESCRIPTOR, "on_no_match", rbac.MATCHER_ON_NO_MATCH),
        (rbac_pb2.RBAC.DESCRIPTOR, "rules", rbac.RBAC_RULES),
        (rbac_pb2.RBAC.DESCRIPTOR, "matcher", rbac.RBAC_MATCHER),
        (rbac_pb2.RBAC.DESCRIPTOR, "shadow_matcher", rbac.RBAC_SHADOW_MATCHER),
        (rbac_pb2.RBACPerRoute.DESCRIPTOR, "rbac", rbac.PER_ROUTE_RBAC),
        (route_pb2.RouteConfiguration.DESCRIPTOR, "virtual_hosts", routes.VIRTUAL_HOSTS),
        (
            tls_spiffe_validator_config_pb2.SPIFFECertValidatorConfig.DESCRIPTOR,
            "trust_domains",
            secrets.TRUST_DOMAINS,
        ),
    ],
)
def test_field_numbers_are_those_of_the_messages(message: Descriptor, field: str, number_used: int) -> None:
    assert message.fields_by_name[field].number == number_used


def test_priorities_begin_at_zero_and_have_no_gap() -> None:
    upstreams = [Endpoint("10.0.0.1", 1, priority=40), Endpoint("10.0.0.2", 1, priority=7, weight=9)]

    body = endpoints.of_upstreams("local/stock", upstreams)

    assignment = endpoint_pb2.ClusterLoadAssignment.FromString(body)
    assert [(each.priority, len(each.lb_endpoints)) for each in assignment.endpoints] == [(0, 1), (1, 1)]
    assert assignment.endpoints[0].lb_endpoints[0].load_balancing_weight.value == 9
