"""Our own gateways, and what each did with what it was sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.listing import Page, PageQuery, read_page, shaped
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import value_of
from control_plane.model.change import Kind
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.gateway import Gateway
from control_plane.model.identity import shown
from control_plane.model.node import Endpoint
from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, SECRET
from control_plane.model.xds import ROUTES as ROUTE_TABLES
from control_plane.ports.deliveries import GatewayState

GATEWAYS = f"{API}/federation/gateways"
DELIVERIES = GATEWAYS + "/{id}/deliveries"

WORDS = {
    CLUSTER: "clusters",
    ENDPOINTS: "endpoints",
    LISTENER: "listeners",
    ROUTE_TABLES: "routes",
    SECRET: "secrets",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayView:
    """A gateway; ``at`` is when its stream was last written down, null when it never connected."""

    id: str
    spiffe_id: str
    ingress: Endpoint
    egress: Endpoint
    envoy_version: str
    connected: bool
    replica: str
    at: datetime | None
    wanted: int
    in_flight: int
    acknowledged: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One type of configuration on one gateway, in numbers of resources; ``refused`` in Envoy's words."""

    type: str
    type_url: str
    wanted: int
    in_flight: int
    acknowledged: int
    refused: tuple[Refusal, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDeliveries:
    """Everything that one gateway was sent."""

    gateway: str
    connected: bool
    replica: str
    at: datetime
    deliveries: tuple[DeliveryView, ...]


def deliveries_view(state: GatewayState) -> GatewayDeliveries:
    """A gateway's stream as the API shows it."""
    return GatewayDeliveries(
        gateway=state.gateway,
        connected=state.connected,
        replica=state.replica,
        at=state.at,
        deliveries=tuple(_delivery_view(delivery) for delivery in state.deliveries),
    )


def _delivery_view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        type=WORDS.get(delivery.type_url, delivery.type_url),
        type_url=delivery.type_url,
        wanted=delivery.wanted,
        in_flight=delivery.in_flight,
        acknowledged=delivery.acknowledged,
        refused=delivery.refused,
        revision=delivery.revision,
    )


def _gateway_view(gateway: Gateway, state: GatewayState | None) -> GatewayView:
    deliveries = state.deliveries if state else ()
    return GatewayView(
        id=gateway.id,
        spiffe_id=gateway.spiffe_id,
        ingress=gateway.ingress,
        egress=gateway.egress,
        envoy_version=gateway.envoy_version,
        connected=state.connected if state else False,
        replica=state.replica if state else "",
        at=state.at if state else None,
        wanted=sum(delivery.wanted for delivery in deliveries),
        in_flight=sum(delivery.in_flight for delivery in deliveries),
        acknowledged=sum(delivery.acknowledged for delivery in deliveries),
        refused=sum(len(delivery.refused) for delivery in deliveries),
    )


def by_gateway(states: Iterable[GatewayState]) -> dict[str, GatewayState]:
    """States by their gateway's id."""
    return {state.gateway: state for state in states}


@route(Operation("GET", GATEWAYS, PageQuery, Page[GatewayView], "Our gateways, by id"))
async def list_gateways(call: Call, query: PageQuery) -> Reply:
    """One page."""
    page, following = await read_page(call.deps.objects, Kind.GATEWAY, query)
    states = by_gateway(await call.deps.deliveries.all())
    views = await shaped(
        page, lambda stored: _gateway_view(value_of(stored, Gateway), states.get(stored.key))
    )
    return Reply(Page(views, following))


@route(Operation("GET", DELIVERIES, Nothing, GatewayDeliveries, "What one gateway did with what it was sent"))
async def show_deliveries(call: Call, _: Nothing) -> Reply:
    """The deliveries of one gateway."""
    gateway = call.path["id"]
    state = by_gateway(await call.deps.deliveries.all()).get(gateway)
    if state is None:
        raise ApiError("not_found", f"no gateway {shown(gateway)} ever connected")
    return Reply(deliveries_view(state))


ROUTES = (list_gateways, show_deliveries)
