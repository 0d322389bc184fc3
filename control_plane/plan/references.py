"""What refers to nodes and identities: imports by who serves them, grants by whom they cover."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.group import Group
from control_plane.model.identity import ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Node
from control_plane.model.resource import Resource
from control_plane.plan.index import Index


class Catalogue:
    """Keys of partners' resources by the nodes that serve them."""

    __slots__ = ("_by_all", "_by_node", "_of")

    def __init__(self) -> None:
        self._of: Index[TrustDomain, str] = Index()
        self._by_node: Index[str, str] = Index()  # resources that name this node
        self._by_all: Index[TrustDomain, str] = Index()  # resources that name none: every node serves them

    def __contains__(self, organisation: TrustDomain) -> bool:
        return organisation in self._of

    def add(self, resource: Resource) -> None:
        """Take ``resource`` in."""
        self._of.add(resource.organisation, resource.key)
        for node_id in resource.nodes:
            self._by_node.add(f"{node_id}@{resource.organisation}", resource.key)
        if not resource.nodes:
            self._by_all.add(resource.organisation, resource.key)

    def discard(self, resource: Resource) -> None:
        """Take ``resource`` out."""
        self._of.discard(resource.organisation, resource.key)
        for node_id in resource.nodes:
            self._by_node.discard(f"{node_id}@{resource.organisation}", resource.key)
        if not resource.nodes:
            self._by_all.discard(resource.organisation, resource.key)

    def of(self, organisation: TrustDomain) -> AbstractSet[str]:
        """All resources of one partner."""
        return self._of.of(organisation)

    def naming(self, node_key: str) -> AbstractSet[str]:
        """The resources that name this node."""
        return self._by_node.of(node_key)

    def served_by(self, node: Node) -> Iterator[str]:
        """The resources that this node serves."""
        yield from self._by_node.of(node.key)
        yield from self._by_all.of(node.organisation)


class GroupBook:
    """Keys of groups by the keys of their members' resources."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: Index[str, str] = Index()

    def replace(self, old: Group | None, new: Group | None) -> None:
        """Take ``old`` out and ``new`` in."""
        for group, change in ((old, self._of.discard), (new, self._of.add)):
            if group is not None:
                for member in group.members:
                    change(f"{group.name}@{member}", group.key)

    def of(self, resource_key: str) -> AbstractSet[str]:
        """The groups that this resource is a part of."""
        return self._of.of(resource_key)


class Homes:
    """Our own resources by the ports of their upstreams, and our gateways by those of their egress."""

    __slots__ = ("_at", "_doors")

    def __init__(self) -> None:
        self._at: Index[int, str] = Index()
        self._doors: Index[int, str] = Index()

    def replace(self, old: Resource | None, new: Resource | None) -> None:
        """Take ``old`` out and ``new`` in."""
        for resource, change in ((old, self._at.discard), (new, self._at.add)):
            if resource is not None:
                for upstream in resource.upstreams:
                    change(upstream.port, resource.key)

    def move(self, old: Gateway | None, new: Gateway | None) -> set[str]:
        """Take ``old`` out and ``new`` in; the resources of which an upstream may be the egress of one."""
        near: set[str] = set()
        for gateway, change in ((old, self._doors.discard), (new, self._doors.add)):
            if gateway is not None:
                change(gateway.egress.port, gateway.id)
                near |= self._at.of(gateway.egress.port)
        return near

    def doors(self, port: int) -> AbstractSet[str]:
        """The gateways whose egress has this port."""
        return self._doors.of(port)


class GrantBook:
    """Grants by the resource they are on and by the subject they name."""

    __slots__ = ("_of", "_on", "_to")

    def __init__(self) -> None:
        self._on: Index[ResourceName, Grant] = Index()
        self._to: Index[str, Grant] = Index()
        self._of: Index[TrustDomain, Grant] = Index()

    def add(self, grant: Grant) -> None:
        """Take ``grant`` in."""
        self._on.add(grant.resource, grant)
        self._to.add(grant.subject, grant)
        self._of.add(grant.organisation, grant)

    def discard(self, grant: Grant) -> None:
        """Take ``grant`` out."""
        self._on.discard(grant.resource, grant)
        self._to.discard(grant.subject, grant)
        self._of.discard(grant.organisation, grant)

    def on(self, resource: str) -> list[Grant]:
        """The grants on one resource of ours, by id."""
        return sorted(self._on.of(ResourceName(resource)), key=lambda grant: grant.id)

    def resources_of(self, organisation: TrustDomain) -> set[ResourceName]:
        """What is granted to anybody of this partner."""
        return {grant.resource for grant in self._of.of(organisation)}

    def resources_for(self, identity: SpiffeId) -> set[ResourceName]:
        """What is granted to this identity, by id, prefix or organisation."""
        return {grant.resource for subject in subjects(identity) for grant in self._to.of(subject)}


def subjects(identity: SpiffeId) -> Iterable[str]:
    """Every subject that covers ``identity``: itself, its path prefixes, its organisation."""
    yield identity
    yield identity.trust_domain
    scheme, _, rest = identity.partition("://")
    while rest.count("/") > 1:  # a prefix has a path: the organisation itself is written without a scheme
        rest = rest.rpartition("/")[0]
        yield f"{scheme}://{rest}/*"
