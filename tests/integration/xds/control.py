"""A control plane's xDS server in a short directory of its own, with what it wrote down of its gateways."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from control_plane.model.delivery import Delivery
from control_plane.model.identity import TrustDomain
from control_plane.model.xds import XdsResource
from control_plane.ports.caller import Caller, UnaryHandler
from control_plane.ports.publisher import Name, Publication
from control_plane.xds.board import Board
from control_plane.xds.gateways import Gateways
from control_plane.xds.identity import Admission
from control_plane.xds.lazy import Lazy
from control_plane.xds.limits import Limits
from control_plane.xds.listen import CredentialsSource, Listen
from control_plane.xds.server import Rules, Server
from tests.fakes.deliveries import FakeDeliveries

DOMAIN = TrustDomain("luebeck.example")
_TRIES, _PAUSE = 400, 0.05  # seconds


@dataclass(frozen=True)
class Setup:
    """What one test wants to be different."""

    limits: Limits = field(default_factory=Limits)
    services: Mapping[str, UnaryHandler] = field(default_factory=dict)
    credentials: CredentialsSource | None = None
    authorise: Callable[[Caller, str], bool] = lambda _caller, _gateway: True
    lazy: Lazy | None = None
    refused: list[tuple[str, str]] = field(default_factory=list)  # filled: who was no gateway, and why


class Control:
    """Starts, and starts again with a board that knows nothing of before."""

    def __init__(self, directory: Path, setup: Setup) -> None:
        self.socket = directory / "xds.sock"
        self.directory = directory
        self.deliveries = FakeDeliveries()
        self.port = 0
        self._setup = setup

    async def start(self, *resources: XdsResource, closed: bool = False) -> None:
        """Serve these; while the board is ``closed``, nobody is answered."""
        self.board = Board(self._setup.lazy)
        self.board.publish(Publication(resources))
        if not closed:
            self.board.open()
        self._server = Server(
            self.board,
            Gateways(self.deliveries, replica="test"),
            listen=Listen(
                self.socket, "127.0.0.1:0" if self._setup.credentials else "", self._setup.credentials
            ),
            rules=Rules(
                Admission(DOMAIN, self._setup.authorise),
                self._setup.services,
                self._setup.limits,
                refused=self._refused,
            ),
        )
        await self._server.start()
        self.port = self._server.port

    async def _refused(self, peer: str, detail: str) -> None:
        self._setup.refused.append((peer, detail))

    def forget(self) -> None:
        """Lose what is written down of the gateways."""
        self.deliveries = FakeDeliveries()

    async def stop(self) -> None:
        await self._server.stop(grace=0.2)

    def put(self, *resources: XdsResource) -> None:
        self.board.publish(Publication(resources))

    def take(self, *names: Name) -> None:
        self.board.publish(Publication((), names))

    async def delivery(self, gateway: str, type_url: str) -> Delivery | None:
        """As last written down."""
        for state in await self.deliveries.all():
            if state.gateway == gateway and state.connected:
                for delivery in state.deliveries:
                    if delivery.type_url == type_url:
                        return delivery
        return None

    async def left(self, gateway: str) -> None:
        """Wait until it is written down that this gateway, which came, is not connected any more."""
        for _ in range(_TRIES):
            states = await self.deliveries.all()
            if any(state.gateway == gateway and not state.connected for state in states):
                return
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"expected {gateway} to be let go, got {states}")

    async def delivered(self, gateway: str, type_url: str, wanted: Callable[[Delivery], bool]) -> Delivery:
        """Wait until what is written down is as ``wanted``."""
        found = None
        for _ in range(_TRIES):
            found = await self.delivery(gateway, type_url)
            if found is not None and wanted(found):
                return found
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"expected another delivery than {found}")


@asynccontextmanager
async def control(*resources: XdsResource, setup: Setup | None = None) -> AsyncIterator[Control]:
    """A running server that shows these."""
    with tempfile.TemporaryDirectory(prefix="px-") as directory:
        made = Control(Path(directory), setup or Setup())
        await made.start(*resources)
        try:
            yield made
        finally:
            await made.stop()
