"""Small valid values of the model, for tests that need some."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability, Grant
from control_plane.model.group import Group
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource
from control_plane.model.sighting import Sighting, SourceKind
from control_plane.model.steering import Steering

LUEBECK = TrustDomain("luebeck.example")
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def node(name: str = "lb-1", *, organisation: str = LUEBECK, port: int = 8443) -> Node:
    """A node of one endpoint."""
    domain = TrustDomain(organisation)
    return Node(
        node_id=ObjectId(name),
        organisation=domain,
        spiffe_id=SpiffeId(f"spiffe://{domain}/gateway/{name}"),
        endpoints=(Endpoint("192.0.2.1", port),),
        metadata={"city": "Lübeck"},
    )


def held(name: str = "lb-1", *, source: str = "dns-sd", host: str = "192.0.2.1") -> Held:
    """What a source says of a node."""
    sighting = Sighting(
        source=source,
        kind=SourceKind.DNS_SD,
        node_id=ObjectId(name),
        organisation=LUEBECK,
        spiffe_id=SpiffeId(f"spiffe://{LUEBECK}/gateway/{name}"),
        endpoints=(Endpoint(host, 8443),),
        metadata={"city": "Lübeck"},
    )
    return Held(sighting=sighting, since=MOMENT)


def one_of_each() -> dict[Kind, Value]:
    """A value of every kind, with what is not plain text in it."""
    return {
        Kind.NODE: node(),
        Kind.AGREEMENT: Agreement(LUEBECK, AgreementState.TRUSTED, reason="met in person, 1. März"),
        Kind.BUNDLE: Bundle(
            LUEBECK, ("-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",), (), 7
        ),
        Kind.RESOURCE: Resource(ResourceName("orders"), LUEBECK, nodes=(ObjectId("lb-1"),)),
        Kind.GRANT: Grant(
            ObjectId("g-1"), ResourceName("orders"), str(LUEBECK), (Capability(("GET",), "/orders"),)
        ),
        Kind.GATEWAY: Gateway(
            ObjectId("gw-1"),
            SpiffeId("spiffe://home.example/gateway/gw-1"),
            Endpoint("127.0.0.1", 8443),
            Endpoint("127.0.0.1", 8080),
        ),
        Kind.GROUP: Group(ResourceName("orders"), LUEBECK, (TrustDomain("hamburg.example"),)),
        Kind.STEERING: Steering(ObjectId("lb-1"), LUEBECK, draining=True, reason="Wartung, heute", at=1.5),
        Kind.SIGHTING: held(),
    }


def audit_event(number: int = 1, **changes: object) -> AuditEvent:
    """The ``number``-th event, as many seconds after MOMENT."""
    event = AuditEvent(
        event_id=f"00000000-0000-5000-8000-{number:012}",
        reporter="gw-1",
        row_id=f"row-{number}",
        timestamp=MOMENT + timedelta(seconds=number),
        event_type=EventType.CROSS_ORG_REQUEST,
        direction="ingress",
        correlation_id=f"correlation-{number}",
        principal="spiffe://luebeck.example/gateway/lb-1",
        principal_org=LUEBECK,
        resource="orders@home.example",
        action="GET /orders",
        decision="allowed",
        status=200,
        duration_ms=1.5,
        bytes=17,
        metadata={"flags": "-"},
    )
    return replace(event, **changes)  # type: ignore[arg-type] # the names are checked by replace
