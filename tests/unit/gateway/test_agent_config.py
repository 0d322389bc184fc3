"""What an agent refuses to start with, and why."""

from pathlib import Path

import pytest

from control_plane.gateway.config import AgentError, ControlPlane
from tests.unit.gateway.agent_config import config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:/run/x.sock", ControlPlane(path=Path("/run/x.sock"))),
        ("unix:///run/x.sock", ControlPlane(path=Path("/run/x.sock"))),
        ("192.0.2.1:9443", ControlPlane(host="192.0.2.1", port=9443)),
        ("[2001:db8::1]:9443", ControlPlane(host="2001:db8::1", port=9443)),
        ("cp.example:1", ControlPlane(host="cp.example", port=1)),
    ],
)
def test_the_control_planes_address_is_read(text: str, expected: ControlPlane) -> None:
    assert ControlPlane.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "cp.example", ":9443", "cp:0", "cp:70000", "cp:x", "cp:\uff19", "http://cp:1/x"]
)
def test_another_address_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="unix:/path or host:port"):
        ControlPlane.parse(text)


def test_a_directory_whose_sockets_would_not_fit_is_refused_with_the_next_step() -> None:
    with pytest.raises(AgentError, match=r"107 bytes.*shorter state directory"):
        config(directory=Path("/" + "x" * 100))


@pytest.mark.parametrize("changes", [{"drain_seconds": -1}, {"drain_seconds": 1e9}, {"max_connections": 0}])
def test_limits_that_make_no_sense_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(AgentError):
        config(**changes)


def test_an_identity_is_made_of_the_gateways_id() -> None:
    assert config().spiffe_id == "spiffe://luebeck.example/gateway/gateway-1"
    assert config().control_plane_id == "spiffe://luebeck.example/control-plane"
