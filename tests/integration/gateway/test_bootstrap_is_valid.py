"""The real Envoy reads the bootstrap and the command line."""

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.gateway.bootstrap import command, rendered
from control_plane.gateway.config import AgentConfig
from control_plane.gateway.envoy_binary import envoy_version, find_envoy
from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.model.node import Endpoint

pytestmark = pytest.mark.integration


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pxb-") as path:
        for name in ("sds", "log", "run"):
            (Path(path) / name).mkdir()
        for name in ("own", "control-plane"):
            (Path(path) / "sds" / f"{name}.json").write_text('{"resources": []}')
        yield Path(path)


@pytest.mark.parametrize(
    "control_plane",
    ["unix:/run/proxenia/xds.sock", "192.0.2.7:9443", "[2001:db8::7]:9443", "cp.example:9443"],
)
async def test_envoy_accepts_the_bootstrap(directory: Path, control_plane: str) -> None:
    config = AgentConfig(
        gateway_id=ObjectId("gw-1"),
        trust_domain=TrustDomain("luebeck.example"),
        directory=directory,
        control_plane=control_plane,
        ingress=Endpoint("127.0.0.1", 8443),
        egress=Endpoint("127.0.0.1", 8080),
    )
    config.files.bootstrap.write_text(rendered(config))
    envoy = find_envoy(None)

    version = await envoy_version(envoy)
    argv = [*command(envoy, config), "--mode", "validate"]
    checked = await asyncio.to_thread(
        subprocess.run, argv, cwd=directory, capture_output=True, text=True, check=False
    )

    assert version.count(".") == 2
    assert checked.returncode == 0, checked.stderr
    assert "OK" in checked.stdout
