"""All objects in memory, indexed by what refers to them, so that a change names exactly the units it touches.

The cost of ``apply`` depends on the change and on what refers to it, never on how many objects there are.
A property test holds this bookkeeping against a world built from nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from control_plane.model.agreement import Agreement
from control_plane.model.bundle import Bundle
from control_plane.model.change import Item, Kind
from control_plane.model.federation import Unit, UnitKind
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.group import Group
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node, zone_of
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.model.steering import Steering
from control_plane.plan.admit import admit, closed_because
from control_plane.plan.conditions import Timetable
from control_plane.plan.facts import carried, denied, put, served
from control_plane.plan.index import Index
from control_plane.plan.limits import Limits
from control_plane.plan.lists import Judge, Lists, as_it_is
from control_plane.plan.references import Catalogue, GrantBook, GroupBook, Homes
from control_plane.plan.sighted import Sighted

Address = tuple[str, int]
FEW = 2  # other nodes at an address that are told of one more
V = TypeVar("V")


class World:
    """What the store holds. Read its dictionaries freely; only ``apply`` changes them."""

    def __init__(self, own: TrustDomain, judge: Judge = as_it_is) -> None:
        self.own = own
        self.lists = Lists(judge)
        # The operator's, and discovered ones of organisations with an agreement.
        self.nodes: dict[str, Node] = {}
        self.sighted = Sighted()  # what nodes are made of
        self.limits = Limits()
        self.agreements: dict[str, Agreement] = {}
        self.bundles: dict[str, Bundle] = {}
        self.resources: dict[str, Resource] = {}
        self.grants: dict[str, Grant] = {}
        self.gateways: dict[str, Gateway] = {}
        self.groups: dict[str, Group] = {}
        self.steering: dict[str, Steering] = {}  # by node
        self.group_book = GroupBook()
        # Partners only: our own nodes are no part of what we offer or reach.
        self.nodes_of: dict[TrustDomain, dict[ObjectId, Node]] = {}
        self.identities_of: dict[TrustDomain, dict[SpiffeId, int]] = {}  # how many enabled nodes carry each
        self.holders: Index[Address, str] = Index()  # enabled nodes by address
        self.epoch = 0  # how often connections had to be cut: all agreements' together
        self.catalogue = Catalogue()
        self.grant_book = GrantBook()
        self.timetable = Timetable()
        self.homes = Homes()

    def counts(self) -> dict[Kind, int]:
        """How many objects of each kind there are."""
        trusted = {Kind.AGREEMENT: len(self.agreements), Kind.BUNDLE: len(self.bundles)}
        ours = {Kind.GRANT: len(self.grants), Kind.GATEWAY: len(self.gateways), Kind.GROUP: len(self.groups)}
        reached = {Kind.NODE: len(self.nodes), Kind.RESOURCE: len(self.resources)}
        seen = {Kind.SIGHTING: self.sighted.count, Kind.STEERING: len(self.steering)}
        return trusted | ours | reached | seen

    def apply(self, items: Iterable[Item]) -> set[Unit]:
        """Take over ``items`` in their order; the units that have to be planned again."""
        dirty: set[Unit] = set()
        for item in items:
            self._take(item, dirty)
        imports = [unit.key for unit in dirty if unit.kind is UnitKind.IMPORT]
        dirty.update(Unit(UnitKind.GROUP, group) for key in imports for group in self.group_book.of(key))
        return dirty

    def move(self, now: datetime) -> set[Unit]:
        """Go to another time; the units whose revocation lists or grants count otherwise then."""
        dirty = {Unit(UnitKind.EXPORT, name) for name in self.timetable.move(now.timestamp())}
        for organisation in self.lists.move(now):
            dirty.add(Unit(UnitKind.PARTNER, organisation))
            dirty.update(Unit(UnitKind.EXPORT, name) for name in self.grant_book.resources_of(organisation))
        return dirty

    def known(self, organisation: TrustDomain) -> bool:
        """Whether anything at all is said about this partner."""
        return (
            organisation in self.agreements
            or organisation in self.bundles
            or organisation in self.nodes_of
            or organisation in self.catalogue
        )

    def open(self, organisation: TrustDomain) -> bool:
        """Whether traffic from and to this partner may pass at all."""
        return self.closed_because(organisation) is None

    def closed_because(self, organisation: TrustDomain) -> Problem | None:
        """Why nothing passes from and to this partner, or None."""
        return closed_because(organisation, self.agreements.get(organisation), self.bundles.get(organisation))

    def revoked(self, organisation: TrustDomain) -> frozenset[SpiffeId]:
        """Identities of this partner that are denied, whatever else is said of them."""
        agreement = self.agreements.get(organisation)
        return frozenset(agreement.revoked_identities) if agreement else frozenset()

    def revoked_serials(self, organisation: TrustDomain) -> tuple[str, ...]:
        """Certificates of this partner that are denied, whoever they name: by us, or by its own lists."""
        agreement = self.agreements.get(organisation)
        ours, theirs = agreement.revoked_serials if agreement else (), self.lists.serials(organisation)
        return tuple(sorted({*ours, *theirs})) if theirs else ours

    def admission(self, node_key: str) -> Problem | None:
        """Why this node gets no traffic, or None when it is admitted."""
        node = self.nodes.get(node_key) or self.sighted.merged(node_key).node
        if node is None:
            return Problem(f"node {node_key}", "node_unknown", "there is no such node", "add it")
        if node.organisation == self.own:
            return Problem(
                f"node {node_key}",
                "own_node",
                "it is ours: our own nodes are not reached through the federation",
            )
        return admit(node, self.agreements.get(node.organisation), self.bundles.get(node.organisation))

    def _take(self, item: Item, dirty: set[Unit]) -> None:
        match item:
            case Item(Kind.NODE | Kind.SIGHTING):
                self._merge(self.sighted.take(item), dirty)
            case Item(Kind.RESOURCE, key, Resource() | None as resource):
                self._resource(key, resource, dirty)
            case Item(Kind.GRANT, key, Grant() | None as grant):
                self._grant(key, grant, dirty)
            case Item(Kind.AGREEMENT, key, Agreement() | None as agreement):
                self._agreement(TrustDomain(key), agreement, dirty)
            case Item(Kind.BUNDLE, key, Bundle() | None as bundle):
                self._bundle(TrustDomain(key), bundle, dirty)
            case Item(Kind.GROUP, key, Group() | None as group):
                self._group(key, group, dirty)
            case Item(Kind.STEERING, key, Steering() | None as steering):
                put(self.steering, key, steering)
                if node := self.nodes.get(key):
                    dirty.update(Unit(UnitKind.IMPORT, name) for name in self.catalogue.served_by(node))
            case Item(Kind.GATEWAY, key, Gateway() | None as gateway):
                near = self.homes.move(self.gateways.get(key), gateway)
                put(self.gateways, key, gateway)
                dirty.update((Unit(UnitKind.GATEWAY, key), *(Unit(UnitKind.GROUP, name) for name in near)))
            case _:
                raise TypeError(f"expected a value of kind {item.kind}, got {type(item.value).__name__}")

    def _merge(self, key: str, dirty: set[Unit]) -> None:
        """Make the node again of what is said of it, and name who contradicts.

        What strangers publish of organisations that the operator never named stays outside: no unit of the
        configuration is ever made of it.
        """
        organisation = TrustDomain(key.partition("@")[2])
        merged, offered = self.sighted.merged(key), organisation in self.agreements
        self._node(key, merged.node if offered else self.sighted.manual(key), dirty)
        if self.sighted.note(key, organisation, merged.conflict) and self.known(organisation):
            dirty.add(Unit(UnitKind.PARTNER, organisation))

    def _node(self, key: str, new: Node | None, dirty: set[Unit]) -> None:
        old = self.nodes.get(key)
        node = new or old
        if node is None or old == new:
            return
        put(self.nodes, key, new)
        if node.organisation == self.own:
            return
        was_known = self.known(node.organisation)
        self._enlist(node, new)
        if (old is None) != (new is None):
            dirty.update(Unit(UnitKind.IMPORT, name) for name in self.catalogue.naming(key))
        if was_known != self.known(node.organisation):
            dirty.add(Unit(UnitKind.PARTNER, node.organisation))
        others, whose = self.limits.take(old, new)
        dirty.update(Unit(UnitKind.GATEWAY, name) for name in self.gateways if others)
        exports = (name for identity in whose for name in self.grant_book.resources_for(identity))
        dirty.update(Unit(UnitKind.EXPORT, name) for name in exports)
        self._addresses(node, served(old), served(new), dirty)
        if old and new and zone_of(old) != zone_of(new):
            dirty.update(Unit(UnitKind.IMPORT, name) for name in self.catalogue.served_by(node))
        was, now = carried(old), carried(new)
        if was != now:
            self._identity(was, -1, dirty)
            self._identity(now, +1, dirty)

    def _enlist(self, node: Node, new: Node | None) -> None:
        siblings = self.nodes_of.setdefault(node.organisation, {})
        put(siblings, node.node_id, new)
        if not siblings:
            del self.nodes_of[node.organisation]

    def _addresses(
        self, node: Node, before: tuple[Endpoint, ...], after: tuple[Endpoint, ...], dirty: set[Unit]
    ) -> None:
        if before == after:
            return
        touched = [node]
        was, now = ({(e.host, e.port) for e in endpoints} for endpoints in (before, after))
        for address in was ^ now:
            # To one or two other nodes there this is news: a conflict came, went, or lost its name. Where
            # more are, nothing changes for them: however many claim one address, a claim costs the same.
            holders = self.holders.of(address)
            if len(holders) <= FEW + (node.key in holders):
                touched += [self.nodes[key] for key in holders if key != node.key]
            if address in now:
                self.holders.add(address, node.key)
            else:
                self.holders.discard(address, node.key)
        for each in touched:
            dirty.update(Unit(UnitKind.IMPORT, key) for key in self.catalogue.served_by(each))

    def _identity(self, identity: SpiffeId | None, step: int, dirty: set[Unit]) -> None:
        """Count a node that begins (+1) or ceases (-1) to carry ``identity``; several nodes may share one."""
        if identity is None:
            return
        organisation = identity.trust_domain
        counts = self.identities_of.setdefault(organisation, {})
        before = counts.get(identity, 0)
        put(counts, identity, (before + step) or None)
        if not counts:
            del self.identities_of[organisation]
        if 0 in {before, before + step}:
            dirty.add(Unit(UnitKind.PARTNER, organisation))
            dirty.update(Unit(UnitKind.EXPORT, name) for name in self.grant_book.resources_for(identity))

    def _resource(self, key: str, new: Resource | None, dirty: set[Unit]) -> None:
        old = self.resources.get(key)
        resource = new or old
        if resource is None or old == new:
            return
        put(self.resources, key, new)
        if resource.organisation == self.own:
            self.homes.replace(old, new)
            dirty.update((Unit(UnitKind.EXPORT, resource.name), Unit(UnitKind.GROUP, key)))
            return
        was_known = self.known(resource.organisation)
        if old is not None:
            self.catalogue.discard(old)
        if new is not None:
            self.catalogue.add(new)
        dirty.add(Unit(UnitKind.IMPORT, key))
        if was_known != self.known(resource.organisation):
            dirty.add(Unit(UnitKind.PARTNER, resource.organisation))

    def _group(self, key: str, new: Group | None, dirty: set[Unit]) -> None:
        self.group_book.replace(self.groups.get(key), new)
        put(self.groups, key, new)
        dirty.add(Unit(UnitKind.GROUP, key))

    def _grant(self, key: str, new: Grant | None, dirty: set[Unit]) -> None:
        old = self.grants.get(key)
        put(self.grants, key, new)
        self.timetable.put(key, new)
        if old is not None:
            self.grant_book.discard(old)
            dirty.add(Unit(UnitKind.EXPORT, old.resource))
        if new is not None:
            self.grant_book.add(new)
            dirty.add(Unit(UnitKind.EXPORT, new.resource))

    def _agreement(self, organisation: TrustDomain, new: Agreement | None, dirty: set[Unit]) -> None:
        old = self.agreements.get(organisation)
        self._trust(self.agreements, organisation, new, dirty)
        if (old is None) != (new is None):
            for key in tuple(self.sighted.of(organisation)):
                self._merge(key, dirty)
        if denied(old) != denied(new):
            dirty.update(Unit(UnitKind.IMPORT, key) for key in self.catalogue.of(organisation))
            dirty.update(Unit(UnitKind.EXPORT, name) for name in self.grant_book.resources_of(organisation))
        step = (new.epoch if new else 0) - (old.epoch if old else 0)
        if step:
            self.epoch += step
            dirty.update(Unit(UnitKind.GATEWAY, key) for key in self.gateways)

    def _bundle(self, organisation: TrustDomain, new: Bundle | None, dirty: set[Unit]) -> None:
        named, old = self.lists.serials(organisation), self.bundles.get(organisation)
        self.lists.put(organisation, new)
        self._trust(self.bundles, organisation, new, dirty)
        if (old.crl_epoch if old else 0) != (new.crl_epoch if new else 0):
            dirty.update(Unit(UnitKind.IMPORT, key) for key in self.catalogue.of(organisation))
        if named != self.lists.serials(organisation):
            dirty.update(Unit(UnitKind.EXPORT, name) for name in self.grant_book.resources_of(organisation))

    def _trust(self, values: dict[str, V], whose: TrustDomain, new: V | None, dirty: set[Unit]) -> None:
        was_open, was_known = self.open(whose), whose in self.agreements
        put(values, whose, new)
        dirty.add(Unit(UnitKind.PARTNER, whose))
        opened_or_closed = was_open != self.open(whose)
        if opened_or_closed:
            dirty.update(Unit(UnitKind.IMPORT, key) for key in self.catalogue.of(whose))
        if opened_or_closed or was_known != (whose in self.agreements):
            dirty.update(Unit(UnitKind.EXPORT, name) for name in self.grant_book.resources_of(whose))
