"""A partner calls a resource of ours: why it does not get through."""

from collections.abc import Iterable, Iterator

from control_plane.model.authorization import Asked
from control_plane.model.explanation import Explanation, Facts, Stage
from control_plane.model.federation import DENY_CERTIFICATE, Export
from control_plane.model.grant import Grant
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.plan.authorize import below, decide
from control_plane.plan.conditions import suspended
from control_plane.plan.explain import stages
from control_plane.plan.explain.trail import Check, Found, walk
from control_plane.plan.world import World


def explain(world: World, facts: Facts, export: Export | None, *, name: str, asked: Asked) -> Explanation:
    """Walk from the resource to the limit for this request."""
    return walk(f"{asked.identity} at {name}@{world.own}", _checks(world, facts, export, name, asked))


def why_denied(world: World, export: Export | None, name: str, asked: Asked) -> Problem | None:
    """Why the rules do not let this request through; None when they do."""
    denied = walk("", [*_rules(world, export, name, asked)])
    return denied.cause


def _rules(world: World, export: Export | None, name: str, asked: Asked) -> Iterator[Check]:
    organisation = _organisation(asked.identity)
    yield Stage.RESOURCE, lambda: _resource(world, export, name)
    yield Stage.SIGHTING, lambda: _sighting(world, asked.identity, organisation)
    if organisation is not None:
        yield Stage.AGREEMENT, lambda: _closed(world, organisation)
    yield Stage.GRANT, lambda: _grant(world, export, name, asked)


def _checks(world: World, facts: Facts, export: Export | None, name: str, asked: Asked) -> Iterator[Check]:
    organisation = _organisation(asked.identity)
    yield Stage.RESOURCE, lambda: _resource(world, export, name)
    yield Stage.SIGHTING, lambda: _sighting(world, asked.identity, organisation)
    if organisation is not None:
        yield Stage.AGREEMENT, lambda: stages.agreement(world, organisation)
        yield Stage.TRUST, lambda: stages.trust(world, facts, organisation, principal=asked.identity)
    yield Stage.GRANT, lambda: _grant(world, export, name, asked)
    yield Stage.GATEWAY, lambda: stages.gateways(facts)
    yield Stage.ROUTE, lambda: stages.taken(facts, ("ingress",))
    yield Stage.CLUSTER, lambda: stages.taken(facts, (f"local/{name}",))
    yield Stage.ENDPOINTS, lambda: _upstreams(export, name)
    yield Stage.LIMIT, lambda: stages.limit(facts, f"{name}@{world.own}", principal=asked.identity)


def _organisation(identity: str) -> TrustDomain | None:
    try:
        return SpiffeId(identity).trust_domain
    except InvalidValueError:
        return None


def _resource(world: World, export: Export | None, name: str) -> Found:
    if export is None:
        return Problem(
            f"resource {name}@{world.own}",
            "unknown_resource",
            f"we offer no {name}",
            "correct the name (proxenia resource list), or add the resource",
        )
    return f"we offer {name}"


def _closed(world: World, organisation: TrustDomain) -> Found:
    return world.closed_because(organisation) or f"{organisation} is open"


def _sighting(world: World, identity: str, organisation: TrustDomain | None) -> Found:
    if organisation is None:
        return Problem(
            identity,
            "no_single_identity",
            f"expected one SPIFFE id in the certificate, got {identity or 'none'}",
            "the partner's gateway has to present a certificate with exactly one URI name",
        )
    if identity in world.revoked(organisation):
        return Problem(
            identity, "identity_revoked", f"the identity {identity} was revoked", "reinstate it, if it may"
        )
    if identity not in world.identities_of.get(organisation, {}):
        return Problem(
            identity,
            "unknown_node",
            f"no enabled node of {organisation} has the identity {identity}",
            "register the node, or enable it: grants only cover registered nodes",
        )
    return f"{identity} is a registered node of {organisation}"


def _grant(world: World, export: Export | None, name: str, asked: Asked) -> Found:
    if export is None:
        return _resource(world, export, name)
    ruling = decide(export, asked)
    if ruling.allowed:
        return f"grant {ruling.policy_id} allows it"
    subject = f"resource {name}@{world.own}"
    if ruling.refused:
        return Problem(
            subject,
            "no_mcp_message",
            f"{asked.method} {asked.path} is no MCP message, stream, or end of a session: it gets 400",
            "send one JSON-RPC message by POST that accepts application/json and text/event-stream",
        )
    if ruling.policy_id == DENY_CERTIFICATE:
        detail = f"the certificate {asked.serial} of {asked.identity} was revoked by us"
        return Problem(asked.identity, "certificate_revoked", detail, "the partner needs a new certificate")
    return _not_covered(world, name, asked, subject)


def _not_covered(world: World, name: str, asked: Asked, subject: str) -> Problem:
    identity = SpiffeId(asked.identity)
    covering = [grant for grant in world.grant_book.on(name) if grant.covers(identity) and not grant.shadow]
    waiting = [suspended(grant, world.timetable.now) for grant in covering if grant.enabled]
    if covering and not waiting:
        detail = f"grant {covering[0].id} is disabled"
        return Problem(f"grant {covering[0].id}", "grant_disabled", detail, "enable it, or add another")
    if waiting and all(waiting):
        return next(problem for problem in waiting if problem)
    if not covering:
        return Problem(
            subject,
            "no_grant",
            f"nothing is granted to {asked.identity}",
            f"proxenia grant add {name} {identity.trust_domain}",
        )
    what = f"{asked.method} {asked.path}"
    if asked.message is not None:
        what += f" with {asked.message.method} {asked.message.tool}".rstrip()
    named = ", ".join(grant.id for grant in covering[:5])
    return Problem(
        subject,
        _missing(covering, asked),
        f"{named} cover {asked.identity}, but not {what}",
        "call what is granted (proxenia grant show), or extend the grant",
    )


def _missing(covering: Iterable[Grant], asked: Asked) -> str:
    """A tool, a method at a path that is granted otherwise, or the path itself."""
    parts = [part for grant in covering for part in grant.capabilities if below(part.path, asked.path)]
    if asked.message is not None and any(part.tools for part in parts):
        return "tool_not_granted"
    return "wrong_method" if parts else "path_not_granted"


def _upstreams(export: Export | None, name: str) -> Found:
    if export is None or not export.resource.upstreams:
        return Problem(
            f"resource {name}", "no_upstream", "it has no upstreams", "say where the service listens"
        )
    return f"{len(export.resource.upstreams)} upstreams"
