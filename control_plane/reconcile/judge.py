"""Answers from the running core: what a request would get, and why one does not get through."""

from collections.abc import Mapping
from datetime import datetime

from control_plane.model.authorization import MAX_TTL, Answer, Asked
from control_plane.model.conditions import Conditions
from control_plane.model.explanation import Explanation, Facts, Question
from control_plane.model.federation import Export
from control_plane.model.grant import Grant
from control_plane.model.problem import Problem
from control_plane.plan.authorize import Ruling, decide, shadow
from control_plane.plan.conditions import next_change
from control_plane.plan.explain import inbound, ours, outbound, request
from control_plane.plan.world import World


class Judge:
    """Implements ports.explain.Judging; ``exports`` are the rules that were published, by name."""

    def __init__(self, world: World, exports: Mapping[str, Export]) -> None:
        self._world = world
        self._exports = exports

    def authorize(self, resource: str, asked: Asked, *, now: datetime) -> Answer:
        """By the value that Envoy's rules were translated from."""
        name, _, organisation = resource.partition("@")
        if organisation != self._world.own:
            return self._foreign(resource, now)
        export = self._exports.get(name)
        ruling = decide(export, asked) if export else Ruling(allowed=False)
        beside = shadow(export, asked) if export else None
        problem = None if ruling.allowed else inbound.why_denied(self._world, export, name, asked)
        grant = self._world.grants.get(ruling.policy_id) if ruling.allowed else None
        return Answer(
            allowed=ruling.allowed,
            reason=problem.code if problem else ("granted" if ruling.allowed else "not_granted"),
            detail=problem.detail if problem else f"grant {ruling.policy_id} allows it",
            hint=problem.hint if problem else "",
            policy_id=ruling.policy_id,
            ttl_seconds=self._ttl(name, now),
            conditions=_in_words(grant) if grant else (),
            shadow_policy_id=beside.policy_id if beside and beside.allowed else "",
            checked_at=now,
        )

    def explain(self, question: Question, facts: Facts) -> Explanation:
        """Walk the way of a request, a route or a node."""
        if question.route:
            return self._route(question, facts)
        if question.node:
            return self._node(question.node, facts)
        return request.explain(self._world, facts, question.rows, self._exports)

    def _route(self, question: Question, facts: Facts) -> Explanation:
        name, _, organisation = question.route.partition("@")
        if organisation != self._world.own:
            return outbound.explain(self._world, facts, question.route)
        if question.asked is None:  # nobody of a partner: our own applications
            return ours.explain(self._world, facts, question.route)
        export = self._exports.get(name)
        return inbound.explain(self._world, facts, export, name=name, asked=question.asked)

    def _node(self, key: str, facts: Facts) -> Explanation:
        node = self._world.nodes.get(key)
        if node is not None:
            for resource in sorted(self._world.catalogue.served_by(node)):
                return outbound.explain(self._world, facts, resource, node=key)
        places = (key, key.rpartition("@")[2])
        lost = next((fact for fact in facts.lost if fact.subject in places), None)
        if node is None and lost is not None:
            detail = f"{lost.source} does not see it any more: {lost.reason}"
            gone = Problem(f"node {key}", "name_gone", detail, "ask the partner, or add the node by hand")
            return Explanation(key, (), gone)
        return Explanation(key, (), self._world.admission(key))

    def _foreign(self, resource: str, now: datetime) -> Answer:
        detail = f"{resource} is not ours: its own organisation decides"
        hint = "ask there; what it said to a request that was sent: proxenia explain --request"
        return Answer(
            allowed=False,
            reason="foreign_resource",
            detail=detail,
            hint=hint,
            policy_id="",
            ttl_seconds=0,
            conditions=(),
            shadow_policy_id="",
            checked_at=now,
        )

    def _ttl(self, name: str, now: datetime) -> int:
        """Until time itself may make a difference, and never longer than five minutes."""
        at = now.timestamp()
        changes = [next_change(grant, at) for grant in self._world.grant_book.on(name)]
        return min([MAX_TTL, *(int(change - at) for change in changes if change is not None)])


def _in_words(grant: Grant) -> tuple[str, ...]:
    conditions: Conditions = grant.conditions
    words = []
    if conditions.begins:
        words.append(f"from {conditions.begins.isoformat()}")
    if conditions.ends:
        words.append(f"until {conditions.ends.isoformat()}")
    words += [
        f"on days {','.join(map(str, window.days))} from {window.begins} to {window.ends} UTC"
        for window in conditions.weekly
    ]
    if conditions.approval:
        words.append(f"approved as {conditions.approval} by {grant.approved_by}")
    return tuple(words)
