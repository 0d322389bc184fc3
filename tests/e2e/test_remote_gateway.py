"""A gateway on another machine: mutual TLS, and its identity is its certificate."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import grpc
import pytest
import pytest_asyncio
from envoy.service.discovery.v3 import discovery_pb2

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.gateway.config import AgentConfig
from control_plane.gateway.tls_relay import relay
from control_plane.model.identity import ObjectId
from control_plane.model.node import Endpoint
from tests.e2e.conftest import room

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


class Wismar(Organisation):
    """An organisation whose control plane also listens on TCP."""

    xds_port: int

    def environment(self, directory: Path) -> dict[str, str]:
        """Settings of a process that is not on the organisation's own machine."""
        return {
            "PATH": os.environ["PATH"],
            "PROXENIA_STATE_DIR": str(directory),
            "PROXENIA_TRUST_DOMAIN": self.trust_domain,
            "PROXENIA_CONTROL_PLANE": f"127.0.0.1:{self.xds_port}",
            "PROXENIA_INGRESS_LISTEN": f"127.0.0.1:{free_port()}",
            "PROXENIA_EGRESS_LISTEN": f"127.0.0.1:{free_port()}",
            "PROXENIA_DRAIN_SECONDS": "0.1",
            "PROXENIA_ENVOY_CONCURRENCY": "1",
        }

    def issue(self, gateway: str, out: Path) -> None:
        """``proxenia gateway issue`` on the control plane's machine."""
        settings = {"PROXENIA_STATE_DIR": str(self.state_dir), "PROXENIA_TRUST_DOMAIN": self.trust_domain}
        argv = [sys.executable, "-m", "control_plane", "gateway", "issue", gateway, "--out", str(out)]
        subprocess.run(argv, env={"PATH": os.environ["PATH"], **settings}, check=True, capture_output=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wismar() -> AsyncIterator[Wismar]:
    port = free_port()
    settings = {"PROXENIA_XDS_LISTEN": f"127.0.0.1:{port}"}
    with room() as directory:
        organisation = Wismar("wismar.example", directory, sites=1, settings=settings)
        organisation.xds_port = port
        async with organisation:
            await organisation.ready()
            yield organisation


@contextmanager
def remote_agent(environment: dict[str, str], log: Path, gateway: str) -> Iterator[subprocess.Popen[bytes]]:
    """``proxenia gateway run`` with nothing but its own directory."""
    argv = [sys.executable, "-m", "control_plane", "gateway", "run"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env={**environment, "PROXENIA_GATEWAY_ID": gateway}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


async def test_a_gateway_with_its_certificate_is_served_over_tcp(wismar: Wismar, tmp_path: Path) -> None:
    home = tmp_path / "gateway" / "far-1"
    wismar.issue("far-1", home)

    with remote_agent(wismar.environment(tmp_path), tmp_path / "log", "far-1"):

        async def connected() -> bool:
            return await has_everything(wismar, "far-1")

        await eventually("far-1 to have acknowledged everything", connected, within=20)
        before = await refusals(wismar)
        killed = datetime.now(UTC).isoformat()
        wismar.kill_control_plane()
        await wismar.ready_again()

        async def again() -> bool:
            rows = (await wismar.get("/federation/gateways"))["items"]
            return any(row["id"] == "far-1" and row["connected"] and row["at"] > killed for row in rows)

        await eventually("far-1 to go on with the control plane that was started again", again, within=10)
        assert await refusals(wismar) == before


async def refusals(wismar: Wismar) -> int:
    """How often a gateway was not let in."""
    rows = (await wismar.get("/audit/events", limit="500", event_type="handshake_failed"))["items"]
    return sum(row["action"] == "gateway.connect" for row in rows)


async def has_everything(wismar: Wismar, gateway: str) -> bool:
    """Whether the gateway is there, and has acknowledged all that it was sent."""
    gateways = {row["id"]: row for row in (await wismar.get("/federation/gateways"))["items"]}
    row = gateways.get(gateway, {})
    return bool(row.get("connected") and row["acknowledged"] == row["wanted"] >= 5)


@pytest.mark.parametrize("claimed", ["wismar-1", "far-3"])
async def test_a_certificate_serves_no_other_gateways_name(
    wismar: Wismar, tmp_path: Path, claimed: str
) -> None:
    home = tmp_path / "gateway" / "far-2"
    wismar.issue("far-2", home)

    code = await first_answer(wismar, home, claimed)

    assert code is grpc.StatusCode.PERMISSION_DENIED


async def test_without_a_certificate_nothing_is_served(wismar: Wismar) -> None:
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{wismar.xds_port}")
    async with channel:
        call = channel.stream_stream(ADS, request_serializer=None, response_deserializer=None)()
        with pytest.raises(grpc.aio.AioRpcError):
            await call.read()


async def test_a_remote_gateway_that_starts_without_its_control_plane_has_its_listeners(
    wismar: Wismar, tmp_path: Path
) -> None:
    wismar.issue("far-4", tmp_path / "gateway" / "far-4")
    environment = wismar.environment(tmp_path)
    url = f"http://{environment['PROXENIA_EGRESS_LISTEN']}/"

    async def listens() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status == 404  # nothing is imported, and it says so
        except aiohttp.ClientError:
            return False

    async def ready() -> bool:
        return await has_everything(wismar, "far-4") and await listens()

    with remote_agent(environment, tmp_path / "log", "far-4"):
        await eventually("far-4 to have everything", ready, within=20)
    stopped = await listens()
    await wismar.stop("up")

    with remote_agent(environment, tmp_path / "log", "far-4"):
        assert await eventually("its listeners", listens, within=40)

    assert not stopped


async def first_answer(wismar: Wismar, home: Path, claimed: str) -> grpc.StatusCode:
    """How the control plane answers a stream of ``home``'s certificate under the node id ``claimed``."""
    (home / "run").mkdir(mode=0o700)
    config = AgentConfig(
        gateway_id=ObjectId(home.name),
        trust_domain=wismar.trust_domain,
        directory=home,
        control_plane=f"127.0.0.1:{wismar.xds_port}",
        ingress=Endpoint(host="127.0.0.1", port=1),
        egress=Endpoint(host="127.0.0.1", port=2),
    )
    first = discovery_pb2.DeltaDiscoveryRequest(type_url=CLUSTER)
    first.node.id = claimed
    async with relay(config) as target, grpc.aio.insecure_channel(target) as channel:
        call = channel.stream_stream(ADS, request_serializer=None, response_deserializer=None)()
        try:
            await call.write(first.SerializeToString())
            await call.read()
        except grpc.aio.AioRpcError:
            pass  # the code says why
        code: grpc.StatusCode = await call.code()
        return code
