"""Everything that is published for two small worlds, as people can read and review it."""

import json
from pathlib import Path

import pytest
import yaml
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, XdsResource
from tests.golden.world import WORLDS, published

FILES = Path(__file__).parent / "files"
MESSAGES: dict[str, type[Message]] = {
    CLUSTER: cluster_pb2.Cluster,
    ENDPOINTS: endpoint_pb2.ClusterLoadAssignment,
    LISTENER: listener_pb2.Listener,
    ROUTES: route_pb2.RouteConfiguration,
    SECRET: secret_pb2.Secret,
}


class _Dumper(yaml.SafeDumper):
    """Texts of several lines (certificates) as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_yaml(resource: XdsResource) -> str:
    """Protobuf's JSON form, in YAML."""
    message = MESSAGES[resource.type_url].FromString(resource.body)
    form = json.loads(json_format.MessageToJson(message, preserving_proto_field_name=True))
    return yaml.dump(form, Dumper=_Dumper, sort_keys=True, width=110, allow_unicode=True)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_what_is_published_is_what_was_reviewed(name: str, *, update_golden: bool) -> None:
    directory = FILES / name
    produced = {f"{file}.yaml": as_yaml(resource) for file, resource in published(WORLDS[name]()).items()}
    if update_golden:
        _write(directory, produced)

    reviewed = {path.name: path.read_text() for path in directory.iterdir()}

    assert reviewed.keys() == produced.keys(), (
        "run: pytest tests/golden --update-golden, and review the difference"
    )
    for file, text in produced.items():
        assert text == reviewed[file], (
            f"{file} differs; if that is meant: pytest tests/golden --update-golden"
        )


def test_no_directory_is_left_over() -> None:
    assert {path.name for path in FILES.iterdir()} == WORLDS.keys()


def _write(directory: Path, produced: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        if path.name not in produced:
            path.unlink()
    for file, text in produced.items():
        (directory / file).write_text(text)
