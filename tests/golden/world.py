"""Three small worlds of ``bremen.example``, which between them have every kind of resource in every state."""

from collections.abc import Iterable
from dataclasses import replace

from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability, Grant
from control_plane.model.group import Group, GroupMode
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.steering import Steering
from control_plane.model.tuning import Tuning
from control_plane.model.xds import XdsResource
from control_plane.reconcile.federator import Federator
from tests.golden import anchors

BREMEN = TrustDomain("bremen.example")
LUEBECK = TrustDomain("luebeck.example")
HAMBURG = TrustDomain("hamburg.example")
ROSTOCK = TrustDomain("rostock.example")

GATEWAY = Gateway(
    ObjectId("gw-1"),
    SpiffeId("spiffe://bremen.example/gateway/gw-1"),
    ingress=Endpoint("0.0.0.0", 8443),  # noqa: S104 - partners come from outside
    egress=Endpoint("127.0.0.1", 8080),
)

_KINDS: dict[type[Value], Kind] = {
    Node: Kind.NODE,
    Agreement: Kind.AGREEMENT,
    Bundle: Kind.BUNDLE,
    Resource: Kind.RESOURCE,
    Grant: Kind.GRANT,
    Gateway: Kind.GATEWAY,
    Group: Kind.GROUP,
    Steering: Kind.STEERING,
    Held: Kind.SIGHTING,
}


def items(values: Iterable[Value]) -> tuple[Item, ...]:
    """Each value as the store would tell of it."""
    return tuple(Item(_KINDS[type(value)], value.key, value) for value in values)


def published(values: Iterable[Value]) -> dict[str, XdsResource]:
    """Everything that is published for ``values``, by a name that is good for a file."""
    publication = Federator(BREMEN, Tuning()).apply(Change(1, items(values)))
    return {_file(resource): resource for resource in publication.upserts}


def _file(resource: XdsResource) -> str:
    kind = resource.type_url.rpartition(".")[2]
    parts = [kind, resource.name.replace("/", "."), *([resource.scope] if resource.scope else [])]
    return "-".join(parts)


def node(name: str, organisation: TrustDomain, *endpoints: Endpoint, enabled: bool = True) -> Node:
    """A node whose identity is made of its name."""
    identity = SpiffeId(f"spiffe://{organisation}/gateway/{name}")
    return Node(ObjectId(name), organisation, identity, endpoints, enabled=enabled)


def open_federation() -> list[Value]:
    """Two trusted partners, one with a CRL and two anchors; imports and exports of every kind."""
    return [
        GATEWAY,
        Agreement(LUEBECK, AgreementState.TRUSTED),
        Bundle(LUEBECK, (anchors.LUEBECK,), (anchors.LUEBECK_CRL,), 3),
        node(
            "lb-1", LUEBECK, Endpoint("192.0.2.1", 8443), Endpoint("192.0.2.2", 8443, priority=10, weight=3)
        ),
        node("lb-2", LUEBECK, Endpoint("2001:db8::2", 8443, priority=5)),
        node("lb-off", LUEBECK, Endpoint("192.0.2.9", 8443), enabled=False),
        Resource(ResourceName("orders"), LUEBECK),
        Resource(ResourceName("tools"), LUEBECK, ResourceKind.MCP, nodes=(ObjectId("lb-2"),)),
        Agreement(HAMBURG, AgreementState.TRUSTED),
        Bundle(HAMBURG, (anchors.HAMBURG,)),
        node("hh-1", HAMBURG, Endpoint("198.51.100.1", 443)),
        Resource(ResourceName("quotes"), HAMBURG, ResourceKind.GRPC),
        Resource(ResourceName("stock"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)),
        Resource(ResourceName("prices"), BREMEN, ResourceKind.GRPC, upstreams=(Endpoint("127.0.0.1", 9001),)),
        Resource(ResourceName("agents"), BREMEN, ResourceKind.MCP, upstreams=(Endpoint("127.0.0.1", 9002),)),
        Resource(ResourceName("idle"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9003, priority=1),)),
        Grant(ObjectId("stock-to-luebeck"), ResourceName("stock"), LUEBECK),
        Grant(
            ObjectId("stock-read"),
            ResourceName("stock"),
            "spiffe://hamburg.example/gateway/*",
            (Capability(("GET", "HEAD"), "/items"), Capability(("POST",), "/orders/"), Capability(("PUT",))),
        ),
        Grant(ObjectId("prices-to-one"), ResourceName("prices"), "spiffe://luebeck.example/gateway/lb-1"),
        Grant(ObjectId("agents-off"), ResourceName("agents"), HAMBURG, enabled=False),
    ]


def closed_federation() -> list[Value]:
    """Partners that are revoked, withdrawn or paused: what stands for them must let nothing through."""
    return [
        GATEWAY,
        Agreement(LUEBECK, AgreementState.REVOKED),
        Bundle(LUEBECK, (anchors.LUEBECK,)),
        node("lb-1", LUEBECK, Endpoint("192.0.2.1", 8443)),
        Resource(ResourceName("orders"), LUEBECK),
        Agreement(HAMBURG, AgreementState.TRUSTED),
        Bundle(HAMBURG, ()),
        node("hh-1", HAMBURG, Endpoint("198.51.100.1", 443)),
        Resource(ResourceName("quotes"), HAMBURG),
        Agreement(ROSTOCK, AgreementState.TRUSTED, paused=True),
        Resource(ResourceName("ships"), ROSTOCK, nodes=(ObjectId("hro-1"),)),
        Resource(ResourceName("stock"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)),
        Grant(ObjectId("stock-to-luebeck"), ResourceName("stock"), LUEBECK),
    ]


def cut_federation() -> list[Value]:
    """A trusted partner of which one node and one certificate were revoked."""
    return [
        replace(GATEWAY, metrics=Endpoint("127.0.0.1", 9902)),
        Agreement(
            LUEBECK,
            AgreementState.TRUSTED,
            revoked_identities=(SpiffeId("spiffe://luebeck.example/gateway/lb-lost"),),
            revoked_serials=("7d01",),
            cut=Cut(2, 1_767_225_600.0, "ada", "certificate 7d01"),
        ),
        Bundle(LUEBECK, (anchors.LUEBECK,)),
        node("lb-1", LUEBECK, Endpoint("192.0.2.1", 8443)),
        node("lb-lost", LUEBECK, Endpoint("192.0.2.9", 8443)),
        Resource(ResourceName("orders"), LUEBECK),
        Resource(ResourceName("stock"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)),
        Grant(ObjectId("stock-to-luebeck"), ResourceName("stock"), LUEBECK),
    ]


def tool_federation() -> list[Value]:
    """Grants of single tools, and grants that are only tried."""
    return [
        GATEWAY,
        Agreement(LUEBECK, AgreementState.TRUSTED, revoked_serials=("7d01",)),
        Bundle(LUEBECK, (anchors.LUEBECK,)),
        node("lb-1", LUEBECK, Endpoint("192.0.2.1", 8443)),
        Resource(ResourceName("agents"), BREMEN, ResourceKind.MCP, upstreams=(Endpoint("127.0.0.1", 9002),)),
        Resource(ResourceName("stock"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)),
        Grant(
            ObjectId("agents-tools"),
            ResourceName("agents"),
            LUEBECK,
            (Capability(tools=("find", "sum")), Capability(("POST",), "/mcp", ("one",))),
        ),
        Grant(ObjectId("agents-trial"), ResourceName("agents"), LUEBECK, shadow=True),
        Grant(ObjectId("stock-trial"), ResourceName("stock"), LUEBECK, shadow=True),
    ]


def routed_federation() -> list[Value]:
    """Groups over two partners, one of them with ourselves between them; nodes in every condition."""
    far, near = (
        Node(
            ObjectId(name),
            LUEBECK,
            SpiffeId(f"spiffe://luebeck.example/gateway/{name}"),
            (Endpoint(f"192.0.2.{number}", 8443),),
            metadata={"zone": zone},
        )
        for number, (name, zone) in enumerate((("lb-far", "south"), ("lb-near", "north")), 1)
    )
    return [
        GATEWAY,
        *(Agreement(organisation, AgreementState.TRUSTED) for organisation in (LUEBECK, HAMBURG)),
        Bundle(LUEBECK, (anchors.LUEBECK,)),
        Bundle(HAMBURG, (anchors.HAMBURG,)),
        far,
        near,
        node("hh-1", HAMBURG, Endpoint("198.51.100.1", 443)),
        node("hh-2", HAMBURG, Endpoint("198.51.100.2", 443)),
        node("hh-3", HAMBURG, Endpoint("198.51.100.3", 443)),
        Steering(ObjectId("hh-1"), HAMBURG, draining=True),
        Steering(ObjectId("hh-2"), HAMBURG, circuit_open=True, reason="they asked for it"),
        Steering(ObjectId("hh-3"), HAMBURG, resets=2),
        Resource(ResourceName("orders"), LUEBECK, preferred=ObjectId("lb-far")),
        Resource(ResourceName("orders"), HAMBURG, timeout_seconds=5),
        Resource(ResourceName("quotes"), LUEBECK),
        Resource(ResourceName("quotes"), HAMBURG),
        Group(ResourceName("orders"), BREMEN, (LUEBECK, HAMBURG)),
        Group(ResourceName("quotes"), BREMEN, (HAMBURG, LUEBECK), GroupMode.BALANCE),
        Group(ResourceName("fish"), BREMEN, (LUEBECK, BREMEN, HAMBURG)),
        *(Resource(ResourceName("fish"), organisation) for organisation in (LUEBECK, HAMBURG)),
        Resource(ResourceName("fish"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9004),)),
        Resource(
            ResourceName("stock"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),), timeout_seconds=2.5
        ),
    ]


WORLDS = {
    "routed": routed_federation,
    "open": open_federation,
    "closed": closed_federation,
    "cut": cut_federation,
    "tools": tool_federation,
}
