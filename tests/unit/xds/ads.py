"""A board and the other end of a session: tests say in one line what is published, asked and answered."""

from collections.abc import Iterable, Mapping
from itertools import count

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from control_plane.model.delivery import Delivery
from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, XdsResource
from control_plane.ports.publisher import Name, Publication
from control_plane.xds.board import Board
from control_plane.xds.frames import Response
from control_plane.xds.session import Session

NOW = 1_000.0
SHORT = {CLUSTER: "cds", ENDPOINTS: "eds", LISTENER: "lds", ROUTES: "rds", SECRET: "sds"}
_numbers = count()


def resource(type_url: str, name: str, version: str = "", *, scope: str = "") -> XdsResource:
    """Make a resource; without ``version`` it is unlike all others. Clusters take endpoints of their name."""
    body = f"{name} {next(_numbers)}".encode()
    if type_url == CLUSTER:
        body = Cluster(name=name, type=Cluster.EDS, alt_stat_name=body.decode()).SerializeToString()
    made = XdsResource.of(type_url, name, body, scope=scope)
    return XdsResource(type_url, name, version, body, scope) if version else made


def board(*resources: XdsResource) -> Board:
    """An open board that shows these."""
    made = Board()
    made.publish(Publication(resources))
    made.open()
    return made


def put(where: Board, *resources: XdsResource) -> None:
    """Publish in one step."""
    where.publish(Publication(resources))


def take(where: Board, type_url: str, *names: str, scope: str = "") -> None:
    """Withdraw in one step."""
    where.publish(Publication((), tuple(Name(type_url, name, scope) for name in names)))


class Client:
    """Speaks to a session exactly as told."""

    def __init__(self, where: Board, gateway: str = "gw-1", *, tries: bool = True) -> None:
        self.session = Session(where.view(gateway, tries=tries))

    def ask(
        self,
        type_url: str,
        *names: str,
        held: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        nonce: str = "",
    ) -> None:
        """Send a request that is neither ACK nor NACK, unless ``nonce`` says so."""
        request = DeltaDiscoveryRequest(
            type_url=type_url,
            resource_names_subscribe=names,
            resource_names_unsubscribe=drop,
            initial_resource_versions=held or {},
            response_nonce=nonce,
        )
        self.session.on_request(request, now=NOW)

    def ack(self, *responses: Response) -> None:
        """Acknowledge, as bytes."""
        for response in responses:
            request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
            assert self.session.on_ack(request.SerializeToString())

    def nack(self, response: Response, text: str) -> None:
        """Refuse."""
        request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        request.error_detail.code = 13
        request.error_detail.message = text
        assert self.session.on_request(request, now=NOW)

    def hear(self) -> list[Response]:
        """Take everything that is sent now."""
        heard = []
        while (response := self.session.poll()) is not None:
            heard.append(response)
            assert len(heard) < 1_000
        return heard

    def settle(self) -> list[Response]:
        """Take and acknowledge until nothing more comes."""
        heard = []
        while responses := self.hear():
            heard += responses
            self.ack(*responses)
        return heard

    def delivery(self, type_url: str) -> Delivery:
        """What came of one type."""
        (found,) = [delivery for delivery in self.session.deliveries() if delivery.type_url == type_url]
        return found


def said(responses: Iterable[Response]) -> list[str]:
    """Responses as words, read from their bytes: ``cds +a +b``, ``eds -c``; names in order."""
    lines = []
    for response in responses:
        message = DeltaDiscoveryResponse.FromString(response.data)
        words = [f"+{resource.name}" for resource in message.resources]
        words += [f"-{name}" for name in message.removed_resources]
        lines.append(" ".join([SHORT[message.type_url], *sorted(words)]))
    return lines
