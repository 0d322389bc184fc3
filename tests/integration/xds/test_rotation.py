"""The server's certificate and trust are those of the moment, and change without a restart."""

import tempfile
from pathlib import Path

import grpc
import pytest

from control_plane.model.xds import CLUSTER
from control_plane.xds.listen import Credentials
from tests.integration.translate.certificates import Authority
from tests.integration.xds.control import Control, Setup, control
from tests.integration.xds.gateway_client import gateway, names
from tests.integration.xds.relay import relay
from tests.integration.xds.small_world import cluster
from tests.integration.xds.test_callers import OWN, Federation, refusal

pytestmark = pytest.mark.integration


class Rotating:
    """A source whose credentials can be exchanged, or fail."""

    def __init__(self, authority: Authority) -> None:
        self.authority: Authority | None = authority
        self._made: dict[int, Credentials] = {}

    def __call__(self) -> Credentials:
        if self.authority is None:
            raise RuntimeError("no credentials at this moment")
        key = id(self.authority)
        if key not in self._made:
            leaf = self.authority.leaf("spiffe://luebeck.example/control-plane")
            anchors = self.authority.anchor.encode()
            self._made[key] = Credentials(leaf.key.encode(), leaf.certificate.encode(), anchors)
        return self._made[key]


async def comes_in(server: Control, authority: Authority) -> bool:
    """Whether a gateway with this authority's certificate, which believes it alone, is served."""
    federation = Federation(authority)
    with tempfile.TemporaryDirectory(prefix="px-") as directory:
        context = federation.context(authority.leaf(OWN), Path(directory))
        async with (
            relay(Path(directory) / "r.sock", server.port, context=context) as wire,
            gateway(wire.path) as client,
        ):
            try:
                await client.ask(CLUSTER)
                return names([await client.hear()]) == ["a"]
            except (grpc.aio.AioRpcError, AssertionError):
                code, _ = await refusal(client)
                assert code is grpc.StatusCode.UNAVAILABLE
                return False


async def test_new_handshakes_use_what_the_source_says_now() -> None:
    old, new = Authority("luebeck"), Authority("luebeck")
    source = Rotating(old)
    async with control(cluster("a"), setup=Setup(credentials=source)) as server:
        before = (await comes_in(server, old), await comes_in(server, new))

        source.authority = new

        assert before == (True, False)
        assert (await comes_in(server, old), await comes_in(server, new)) == (False, True)


async def test_a_source_that_fails_leaves_the_last_credentials_in_force() -> None:
    authority = Authority("luebeck")
    source = Rotating(authority)
    async with control(cluster("a"), setup=Setup(credentials=source)) as server:
        assert await comes_in(server, authority)

        source.authority = None

        assert await comes_in(server, authority)
