"""Changes of a small world at random, and what gateways would have after them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.conditions import Conditions, Window, moment
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability, Grant
from control_plane.model.group import Group, GroupMode
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.sighting import Sighting, SourceKind
from control_plane.model.steering import Steering
from control_plane.model.tuning import Tuning
from control_plane.model.xds import XdsResource
from control_plane.ports.publisher import Name, Publication
from control_plane.reconcile.federator import Federator
from tests.golden.world import BREMEN, HAMBURG, LUEBECK, ROSTOCK

ORGANISATIONS = (LUEBECK, HAMBURG, LUEBECK, HAMBURG, LUEBECK, ROSTOCK, BREMEN)  # some more often than others


HOUR = 3_600  # seconds, in a world whose time begins in 1970


class Board:
    """What gateways would have: publications applied one after the other."""

    def __init__(self) -> None:
        self.resources: dict[Name, XdsResource] = {}
        self.published: list[Publication] = []

    def publish(self, publication: Publication) -> None:
        """Implements ports.publisher.Publisher."""
        self.published.append(publication)
        for name in publication.removals:
            del self.resources[name]
        for resource in publication.upserts:
            self.resources[Name(resource.type_url, resource.name, resource.scope)] = resource


def from_nothing(
    items: Iterable[Item], *, now: datetime | None = None
) -> tuple[dict[Name, XdsResource], Federator]:
    """The board, and the federator, of a control plane that starts now."""
    board, federator = Board(), Federator(BREMEN, Tuning())
    board.publish(federator.apply(Change(1, tuple(items)), now=now))
    return board.resources, federator


CONDITIONS = (
    Conditions(begins=moment(3 * HOUR)),
    Conditions(ends=moment(4 * HOUR)),
    Conditions(weekly=(Window((4,), "02:00", "05:00"),)),  # 1970-01-01 was a Thursday
    Conditions(begins=moment(HOUR), ends=moment(5 * HOUR), weekly=(Window(), Window((4, 5), "03:00"))),
    Conditions(approval=ObjectId("works-council")),
)
_organisations = st.sampled_from(ORGANISATIONS)
_node_ids = st.sampled_from([ObjectId(name) for name in ("n1", "n2", "n3")])
_names = st.sampled_from([ResourceName(name) for name in ("r1", "r2", "r3")])
_endpoints = st.builds(
    Endpoint,
    st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    st.sampled_from([443, 8443]),
    st.integers(0, 2),
    st.integers(1, 2),
)
_some_endpoints = st.lists(_endpoints, min_size=1, max_size=3, unique_by=lambda e: (e.host, e.port)).map(
    tuple
)


@st.composite
def _identities(draw: st.DrawFn, organisation: TrustDomain) -> SpiffeId:
    return SpiffeId(f"spiffe://{organisation}/{draw(st.sampled_from(['gateway/a', 'gateway/b', 'other']))}")


@st.composite
def _nodes(draw: st.DrawFn) -> Node:
    organisation = draw(_organisations)
    return Node(
        draw(_node_ids),
        organisation,
        draw(_identities(organisation)),
        draw(_some_endpoints),
        enabled=draw(st.sampled_from([True, True, False])),
        name=draw(st.sampled_from(["", "x"])),
        rate_limit_per_hour=draw(st.sampled_from([10_000, 10_000, 500, 12_345])),
        metadata=draw(st.sampled_from([{}, {}, {"zone": "north"}])),
    )


@st.composite
def _held(draw: st.DrawFn) -> Held:
    organisation, kind = draw(_organisations), draw(st.sampled_from(SourceKind))
    sighting = Sighting(
        source=kind.value,
        kind=kind,
        node_id=draw(_node_ids),
        organisation=organisation,
        spiffe_id=draw(_identities(organisation)),
        endpoints=draw(_some_endpoints),
    )
    since = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 2)))
    return Held(sighting=sighting, since=since, offline=draw(st.sampled_from([False, False, True])))


@st.composite
def _resources(draw: st.DrawFn) -> Resource:
    served_by = draw(st.booleans())
    return Resource(
        draw(_names),
        draw(_organisations),
        draw(st.sampled_from(ResourceKind)),
        nodes=tuple(draw(st.sets(_node_ids, max_size=2))) if served_by else (),
        upstreams=() if served_by else draw(_some_endpoints),
        timeout_seconds=draw(st.sampled_from([0.0, 0.0, 5.0])),
    )


@st.composite
def _grants(draw: st.DrawFn) -> Grant:
    organisation = draw(_organisations)
    prefix = f"spiffe://{organisation}/gateway/*"
    subject = draw(st.one_of(st.just(organisation), st.just(prefix), _identities(organisation)))
    capability = st.builds(
        Capability,
        st.sampled_from([(), ("GET",)]),
        st.sampled_from(["/", "/a"]),
        st.sampled_from([(), (), ("x",)]),
    )
    conditions = draw(st.sampled_from([Conditions(), Conditions(), *CONDITIONS]))
    return Grant(
        draw(st.sampled_from([ObjectId(name) for name in ("g1", "g2", "g3")])),
        draw(_names),
        subject,
        draw(st.lists(capability, max_size=2).map(tuple)),
        draw(st.sampled_from([True, True, False])),
        shadow=draw(st.sampled_from([False, False, True])),
        conditions=conditions,
        approved_by=draw(st.sampled_from(["", "ada"])) if conditions.approval else "",
    )


_agreements = st.builds(
    Agreement,
    _organisations,
    st.sampled_from([AgreementState.TRUSTED, AgreementState.TRUSTED, AgreementState.REVOKED]),
    st.sampled_from([False, False, True]),
    st.sampled_from(["", "why"]),
    st.sampled_from([(), (), (SpiffeId("spiffe://luebeck.example/gateway/a"),)]),
    st.sampled_from([(), (), ("01",), ("01", "02")]),
    st.sampled_from([None, Cut(1, 1.0, "ada", "organisation"), Cut(2, 2.0, "ada", "organisation")]),
)
_bundles = st.builds(
    Bundle,
    _organisations,
    st.sampled_from([("anchor",), ("anchor", "next"), ("anchor",), ()]),
    st.sampled_from([(), ("crl",)]),
    st.integers(0, 1),
    crl_epoch=st.integers(0, 1),
)
_gateways = st.builds(
    Gateway,
    _node_ids,
    st.sampled_from(
        [SpiffeId("spiffe://bremen.example/gateway/a"), SpiffeId("spiffe://luebeck.example/gateway/a")]
    ),
    _endpoints,
    _endpoints,
)
_groups = st.builds(
    Group,
    _names,
    st.just(BREMEN),
    st.sampled_from([(LUEBECK,), (LUEBECK, HAMBURG), (HAMBURG, ROSTOCK, LUEBECK)]),
    st.sampled_from(GroupMode),
) | st.builds(
    Group,
    _names,
    st.just(BREMEN),
    st.sampled_from([(BREMEN,), (BREMEN, LUEBECK), (HAMBURG, BREMEN), (LUEBECK, BREMEN, HAMBURG)]),
)
_steerings = st.builds(
    Steering,
    _node_ids,
    _organisations,
    draining=st.booleans(),
    circuit_open=st.booleans(),
    resets=st.integers(0, 2),
)
_values: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.NODE: _nodes(),
    Kind.RESOURCE: _resources(),
    Kind.GRANT: _grants(),
    Kind.AGREEMENT: _agreements,
    Kind.BUNDLE: _bundles,
    Kind.GATEWAY: _gateways,
    Kind.GROUP: _groups,
    Kind.STEERING: _steerings,
    Kind.SIGHTING: _held(),
}


@st.composite
def items(draw: st.DrawFn) -> Item:
    """One object that comes, changes, or goes (also when it was never there)."""
    kind = draw(st.sampled_from([*Kind, Kind.NODE, Kind.NODE, Kind.SIGHTING, Kind.RESOURCE, Kind.GRANT]))
    value = draw(_values[kind])
    return Item(kind, value.key, value if draw(st.integers(0, 3)) else None)


OPEN = [
    Item(kind, organisation, value)
    for organisation in (LUEBECK, HAMBURG)
    for kind, value in (
        (Kind.AGREEMENT, Agreement(organisation, AgreementState.TRUSTED)),
        (Kind.BUNDLE, Bundle(organisation, ("anchor",))),
    )
]
"""Where every sequence begins: with partners that are closed, hardly anything would matter."""

changes = st.lists(st.lists(items(), min_size=1, max_size=12), min_size=1, max_size=6).map(
    lambda s: [OPEN, *s]
)
