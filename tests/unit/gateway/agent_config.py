"""A small valid configuration of an agent."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from control_plane.gateway.config import AgentConfig
from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.model.node import Endpoint

CONFIG = AgentConfig(
    gateway_id=ObjectId("gateway-1"),
    trust_domain=TrustDomain("luebeck.example"),
    directory=Path("/var/lib/proxenia/gateway/gateway-1"),
    control_plane="unix:/var/lib/proxenia/run/xds.sock",
    ingress=Endpoint("192.0.2.1", 8443),
    egress=Endpoint("127.0.0.1", 15001),
)


def config(**changes: Any) -> AgentConfig:  # noqa: ANN401 - whatever the fields take
    return replace(CONFIG, **changes)
