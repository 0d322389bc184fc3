"""The core in one object: a change goes in, one consistent publication comes out.

What a change touches is planned, translated and checked; nothing else is looked at. The two resources that
units share are put together again when their part of them changed, from parts that were serialised before.
"""

from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from control_plane.model.agreement import Cut
from control_plane.model.change import Change, Kind
from control_plane.model.federation import Export, Unit, UnitKind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.tuning import Tuning
from control_plane.model.xds import ENDPOINTS, LOCAL_CLUSTER, ROUTES, SECRET, XdsResource
from control_plane.pki.in_force import in_force
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from control_plane.ports.publisher import Name, Publication
from control_plane.reconcile.known import Known
from control_plane.translate.consistency import Consistency
from control_plane.translate.names import EGRESS, INGRESS, TRUST_INGRESS
from control_plane.translate.references import Reference
from control_plane.translate.unit import (
    Translated,
    egress_routes,
    ingress_routes,
    ingress_trust,
    sharing,
    translate,
)

_INGRESS_ROUTES = Name(ROUTES, INGRESS)
_EGRESS_ROUTES = Name(ROUTES, EGRESS)
_INGRESS_TRUST = Name(SECRET, TRUST_INGRESS)
_GATEWAYS = Name(ENDPOINTS, LOCAL_CLUSTER)
_SHARED = (_INGRESS_ROUTES, _EGRESS_ROUTES, _INGRESS_TRUST, _GATEWAYS)

Candidates = Mapping[Unit, Translated]
Step = Generator[Candidates | None, Mapping[Unit, str] | None, Publication]
Trying = Generator[Candidates, Mapping[Unit, str] | None, None]
K = TypeVar("K")
V = TypeVar("V")


class Federator:
    """Holds the world and what was published of it; ``apply`` moves both on together."""

    def __init__(self, own: TrustDomain, tuning: Tuning) -> None:
        self._known = Known()
        self._own = own
        self._tuning = tuning
        self._world = World(own, in_force)
        self._translated: dict[Unit, Translated] = {}
        self._problems: dict[Unit, tuple[Problem, ...]] = {}
        self._refused: dict[Unit, Problem] = {}
        self._virtual_hosts: dict[str, bytes] = {}  # by resource of ours
        self._egress_hosts: dict[str, bytes] = {}  # by import with a time-out of its own
        self._gateways = 0  # that share the limits
        self._trust_domains: dict[str, bytes] = {}  # by partner
        self._stale = set(_SHARED)
        self._consistency = Consistency(Reference(*name) for name in _SHARED)
        self.exports: dict[str, Export] = {}  # what was published of our resources, by name
        self.planned = 0  # units planned so far; what a change costs

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with the objects, by subject."""
        found = {problem for problems in self._problems.values() for problem in problems}
        return tuple(sorted(found | set(self._refused.values()), key=lambda p: (p.subject, p.code, p.detail)))

    def admission(self, node_key: str) -> Problem | None:
        """Why this node gets no traffic, or None when it is admitted."""
        return self._world.admission(node_key)

    def node_at(self, address: str, resource: str) -> str | None:
        """The node at ``host:port`` that may serve ``resource`` (a partner's, or a group of ours)."""
        host, _, port = address.rpartition(":")
        group = self._world.groups.get(resource)
        owners = group.members if group else (resource.rpartition("@")[2],)
        held = self._world.holders.of((host.strip("[]"), int(port) if port.isdecimal() else 0))
        return min((key for key in held if key.rpartition("@")[2] in owners), default=None)

    def counts(self) -> dict[Kind, int]:
        """How many objects of each kind there are."""
        return self._world.counts()

    @property
    def world(self) -> World:
        """What the store holds, to be read only."""
        return self._world

    @property
    def epoch(self) -> int:
        """How often connections had to be cut."""
        return self._world.epoch

    def cuts(self) -> dict[TrustDomain, Cut]:
        """The last cut of each partner that had one."""
        agreements = self._world.agreements.values()
        return {agreement.organisation: agreement.cut for agreement in agreements if agreement.cut}

    def conflicts(self) -> tuple[Problem, ...]:
        """Nodes of whose identity sources say different things, whether they are offered or not."""
        return self._world.sighted.all_conflicts()

    def named(self) -> frozenset[TrustDomain]:
        """The organisations that the operator has named, by an agreement."""
        return frozenset(map(TrustDomain, self._world.agreements))

    def ourselves(self) -> frozenset[SpiffeId]:
        """The identities of our own gateways."""
        return frozenset(gateway.spiffe_id for gateway in self._world.gateways.values())

    def registered(self, gateway: str) -> bool:
        """Whether a gateway of this id has enrolled."""
        return gateway in self._world.gateways

    def due(self, now: datetime) -> bool:
        """Whether anything counts otherwise at ``now``, so that it has to be applied without a change."""
        return self._world.lists.due(now) or self._world.timetable.due(now.timestamp())

    def apply(self, change: Change, *, now: datetime | None = None) -> Publication:
        """Take over ``change`` and return what is different; the first time also what never changes."""
        step = self.steps(change, now=now)
        while True:
            try:
                next(step)
            except StopIteration as finished:
                publication: Publication = finished.value
                return publication

    def steps(self, change: Change, *, now: datetime | None = None) -> Step:
        """``apply`` in small pieces: the caller may do something else between them, but must finish.

        What is yielded and is not None wants to be tried: the answer names units that Envoy would refuse.
        """
        epoch = self._world.epoch
        self._known.begin()
        dirty: set[Unit] = set(self._refused)  # what they lacked may be there now
        if now is not None:
            dirty |= self._world.move(now)
        for item in change.items:
            dirty |= self._world.apply((item,))
            yield None
        step: dict[Unit, Translated | None] = {}
        for unit in sorted(dirty):
            self._plan(unit, step)
            yield None
        if epoch == self._world.epoch or not self._translated:  # what ends somebody's access is not held up
            yield from self._try(step)
        self._refused |= yield from self._consistency.accept(step)
        upserts: dict[Name, XdsResource] = {}
        removals: set[Name] = set()
        for unit, translated in step.items():
            if unit not in self._refused:
                self._replace(unit, translated or Translated(), upserts, removals)
            yield None
        upserts.update(self._compose())
        return Publication(tuple(upserts.values()), tuple(sorted(removals)))

    def _try(self, step: dict[Unit, Translated | None]) -> Trying:
        """Take out of ``step`` what Envoy would refuse; the last good one stays."""
        told = self._known.refused(step)
        while fresh := self._known.fresh(step):
            answer = yield fresh
            if answer is None:  # nobody is asked
                break
            self._known.learn(fresh, answer)
            told.update(answer)
        for unit, text in told.items():
            del step[unit]
            self._refused[unit] = Problem(
                self._subject(unit),
                "refused_by_envoy",
                f"Envoy would refuse its configuration: {text}",
                "correct the object; until then the last good configuration stays",
            )

    def _plan(self, unit: Unit, step: dict[Unit, Translated | None]) -> None:
        """Put the unit's translation into ``step``; where there is none, the last good one stays."""
        self.planned += 1
        planned, problems = federate(self._world, unit)
        self._refused.pop(unit, None)
        if problems:
            self._problems[unit] = problems
        else:
            self._problems.pop(unit, None)
        try:
            step[unit] = None if planned is None else translate(planned, self._tuning, self._own)
            self._known.note(unit, planned)
        except ValueError as error:  # protobuf refuses a value: one bad object must not stop the others
            self._refused[unit] = Problem(
                self._subject(unit),
                "untranslatable",
                f"its configuration cannot be made: {error}",
                "correct the object; until then the last good configuration stays",
            )

    def _subject(self, unit: Unit) -> str:
        ours = unit.kind is UnitKind.GROUP and unit.key not in self._world.groups
        return f"{'resource' if ours else unit.kind} {unit.key}"

    def _replace(
        self, unit: Unit, new: Translated, upserts: dict[Name, XdsResource], removals: set[Name]
    ) -> None:
        old = self._translated.get(unit, Translated())
        before = {_name(resource): resource for resource in old.resources}
        after = {_name(resource): resource for resource in new.resources}
        upserts.update((name, resource) for name, resource in after.items() if before.get(name) != resource)
        removals |= before.keys() - after.keys()
        if unit.kind is UnitKind.EXPORT:
            _put(self.exports, unit.key, new.export)
        _put(self._translated, unit, new if new.resources else None)
        if new.virtual_host != old.virtual_host:
            _put(self._virtual_hosts, unit.key, new.virtual_host or None)
            self._stale.add(_INGRESS_ROUTES)
        if new.egress_host != old.egress_host:
            _put(self._egress_hosts, unit.key, new.egress_host or None)
            self._stale.add(_EGRESS_ROUTES)
        if new.member != old.member:
            self._gateways += new.member - old.member
            self._stale.add(_GATEWAYS)
        if new.trust_domain != old.trust_domain:
            _put(self._trust_domains, unit.key, new.trust_domain or None)
            self._stale.add(_INGRESS_TRUST)

    def _compose(self) -> Iterator[tuple[Name, XdsResource]]:
        """What units share and this step changed; parts are in key order, so that replicas agree."""
        for name in sorted(self._stale):
            if name == _INGRESS_ROUTES:
                yield name, ingress_routes([self._virtual_hosts[key] for key in sorted(self._virtual_hosts)])
            elif name == _GATEWAYS:
                yield name, sharing(self._gateways)
            elif name == _INGRESS_TRUST:
                domains = [self._trust_domains[key] for key in sorted(self._trust_domains)]
                yield name, ingress_trust(self._own, domains)
            else:
                hosts = [self._egress_hosts[key] for key in sorted(self._egress_hosts)]
                yield name, egress_routes(self._tuning, self._own, hosts)
        self._stale.clear()


def _name(resource: XdsResource) -> Name:
    return Name(resource.type_url, resource.name, resource.scope)


def _put(values: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
