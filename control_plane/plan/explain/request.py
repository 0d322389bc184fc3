"""A request that happened: what its audit rows say, and what that means in the world as it is."""

from collections.abc import Mapping, Sequence

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.authorization import Asked, Message
from control_plane.model.explanation import Explanation, Facts, Finding, Stage, Step
from control_plane.model.federation import Export
from control_plane.model.problem import Problem
from control_plane.plan.explain import inbound, ours, outbound, stages
from control_plane.plan.explain.words import WORDS
from control_plane.plan.world import World

_FAILED = 400
_ANSWERS = {403: "denied_by_partner", 429: "limit_reached"}  # of the partner's gateway


def explain(
    world: World, facts: Facts, rows: Sequence[AuditEvent], exports: Mapping[str, Export]
) -> Explanation:
    """Rows of one correlation id (or of one handshake); the innermost that did not go well tells why."""
    if not rows:
        return Explanation(
            "request",
            (Step(Stage.REQUEST, Finding.STOPPED, "no gateway of ours reported such a request"),),
            Problem(
                "request",
                "unknown_request",
                "no gateway of ours reported such a request",
                "correct the id (proxenia audit list), or wait until the gateway's rows have arrived",
            ),
        )
    # Of one request our ingress may tell more than our egress: it stands behind it.
    ordered = sorted(rows, key=lambda row: (row.direction == "ingress", row.timestamp))
    steps = tuple(_step(row) for row in ordered)
    bad = [row for row in ordered if not _went_well(row)]
    if not bad:
        return Explanation(f"request {ordered[-1].correlation_id}", steps, None)
    row = bad[-1]
    cause = _cause(world, facts, row, exports)
    return Explanation(f"request {row.correlation_id}", steps, cause)


def _step(row: AuditEvent) -> Step:
    what = " ".join(part for part in (row.action, row.metadata.get("path", ""), row.capability) if part)
    verdict = f"{row.decision} {row.reason}".strip() or "no verdict"
    policy = f", policy {row.policy_id}" if row.policy_id else ""
    status = f", status {row.status}" if row.status is not None else ""
    detail = (
        f"{row.reporter} ({row.direction}): {what} of {row.resource or 'no resource'}"
        f" by {row.principal or 'nobody'}: {verdict}{policy}{status}"
    )
    return Step(Stage.REQUEST, Finding.FINE if _went_well(row) else Finding.STOPPED, detail)


def _went_well(row: AuditEvent) -> bool:
    return row.decision == "allowed" and (row.status or 0) < _FAILED


def _cause(world: World, facts: Facts, row: AuditEvent, exports: Mapping[str, Export]) -> Problem:
    if row.event_type is EventType.HANDSHAKE_FAILED:
        return stages.of_handshake(row.principal, row.reason) or _worded(row, "handshake_failed")
    failure = f"{row.reason} {row.metadata.get('detail', '')}"
    if problem := stages.of_handshake(row.resource or row.principal, failure):
        return problem
    if row.reason == "rate_limited":
        return _worded(row, "limit_reached")
    if row.direction == "ingress":
        return _inward(world, row, exports)
    return _outward(world, facts, row)


def _inward(world: World, row: AuditEvent, exports: Mapping[str, Export]) -> Problem:
    name, _, organisation = row.resource.partition("@")
    if row.reason != "not_granted":
        return _worded(row, row.reason)
    if organisation != world.own:  # no virtual host spoke for it
        name = row.metadata.get("host", "").partition(".")[0]
    return inbound.why_denied(world, exports.get(name), name, _asked(row)) or _worded(row, "denied_then")


def _outward(world: World, facts: Facts, row: AuditEvent) -> Problem:
    if row.decision != "allowed":
        key = row.resource or _called(row)
        way = ours if key.endswith(f"@{world.own}") else outbound
        return way.explain(world, facts, key).cause or _worded(row, row.reason)
    if row.target_node == world.own:  # no partner was asked: the answer is our own service's
        return _worded(row, row.reason)
    return _worded(row, _ANSWERS.get(row.status or 0, row.reason))


def _called(row: AuditEvent) -> str:
    """The resource that the host would have named."""
    name, _, organisation = row.metadata.get("host", "").partition(".")
    return f"{name}@{organisation}"


def _asked(row: AuditEvent) -> Asked:
    mcp = row.metadata.get("mcp", "")
    return Asked(
        identity=row.principal,
        method=row.action,
        path=row.metadata.get("path", "/"),
        serial=row.peer_serial,
        accept="application/json, text/event-stream",
        message=Message(mcp, row.capability) if mcp else None,
    )


def _worded(row: AuditEvent, code: str) -> Problem:
    detail, hint = WORDS.get(code, (f"it failed: {code or row.status}", "look at the partner's own audit"))
    subject = f"resource {row.resource}" if row.resource else f"request {row.correlation_id}"
    return Problem(subject, code or "failed", detail, hint)
