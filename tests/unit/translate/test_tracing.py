"""Where the settings name a collector, each gateway has a cluster of its own for it."""

from dataclasses import replace

from envoy.config.bootstrap.v3 import bootstrap_pb2

from control_plane.model.change import Change
from control_plane.model.federation import Listeners
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, XdsResource
from control_plane.reconcile.federator import Federator
from control_plane.translate import trial, unit
from control_plane.translate.names import TRACES
from tests.golden.world import BREMEN, GATEWAY, items

OTHER = replace(GATEWAY, id=ObjectId("gw-2"), spiffe_id=SpiffeId("spiffe://bremen.example/gateway/gw-2"))
TRACED = Tuning(traces=Endpoint("127.0.0.1", 4317))


def published(tuning: Tuning) -> list[XdsResource]:
    return list(Federator(BREMEN, tuning).apply(Change(1, items([GATEWAY, OTHER]))).upserts)


def test_each_gateway_has_its_collector() -> None:
    clusters = [one for one in published(TRACED) if one.type_url == CLUSTER]

    assert [(one.name, one.scope) for one in clusters] == [(TRACES, "gw-1"), (TRACES, "gw-2")]
    assert not [one for one in published(Tuning()) if one.type_url == CLUSTER]


def test_several_gateways_can_be_tried_at_once() -> None:
    candidates = [unit.translate(Listeners(one), TRACED, BREMEN) for one in (GATEWAY, OTHER)]

    made = bootstrap_pb2.Bootstrap.FromString(trial.bootstrap(candidates, TRACED, BREMEN))

    assert [one.name for one in made.static_resources.clusters].count(TRACES) == 1
