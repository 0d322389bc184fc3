"""One unit at a time: what should be configured for it, and what is wrong with what it is made of.

Whatever is wrong is a value: it is left out, named, and nothing else is held up.
"""

from typing import NamedTuple

from control_plane.model.agreement import AgreementState
from control_plane.model.federation import Listeners, Partner, Planned, Unit, UnitKind
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.plan.exports import plan_export
from control_plane.plan.imports import plan_import
from control_plane.plan.ours import plan_ours
from control_plane.plan.world import World


class Outcome(NamedTuple):
    """``planned`` None: the unit has nothing configured (any more)."""

    planned: Planned | None
    problems: tuple[Problem, ...] = ()


def federate(world: World, unit: Unit) -> Outcome:
    """Plan ``unit`` from what ``world`` holds now."""
    match unit.kind:
        case UnitKind.IMPORT:
            return Outcome(*plan_import(world, unit.key))
        case UnitKind.EXPORT:
            return Outcome(*plan_export(world, unit.key))
        case UnitKind.PARTNER:
            return _partner(world, TrustDomain(unit.key))
        case UnitKind.GROUP:
            return Outcome(*plan_ours(world, unit.key))
        case UnitKind.GATEWAY:
            return _gateway(world, unit.key)


def _partner(world: World, organisation: TrustDomain) -> Outcome:
    subject = f"organisation {organisation}"
    agreement = world.agreements.get(organisation)
    if organisation == world.own:
        wrong = Problem(
            subject,
            "own_agreement",
            "expected an agreement with a partner, got one with ourselves",
            "delete it",
        )
        return Outcome(None, (wrong,) if agreement else ())
    if not world.known(organisation):
        return Outcome(None)
    # Of organisations without an agreement nothing is offered, so what sources say of them is no fault yet.
    conflicts = world.sighted.conflicts(organisation) if agreement else ()
    closed = world.closed_because(organisation)
    if closed is None:
        revoked = world.revoked(organisation)
        registered = world.identities_of.get(organisation, ())
        identities = tuple(sorted(identity for identity in registered if identity not in revoked))
        counts = world.lists.of(world.bundles[organisation])
        return Outcome(Partner(organisation, counts.bundle, identities), counts.problems + conflicts)
    # Untrusted, pending, revoked and paused are decisions, not faults.
    faulty = agreement is None or (agreement.state is AgreementState.TRUSTED and not agreement.paused)
    return Outcome(Partner(organisation, None, ()), ((closed,) if faulty else ()) + conflicts)


def _gateway(world: World, key: str) -> Outcome:
    gateway = world.gateways.get(key)
    if gateway is None:
        return Outcome(None)
    subject = f"gateway {key}"
    if gateway.spiffe_id.trust_domain != world.own:
        detail = f"expected an identity of {world.own}, got {gateway.spiffe_id}"
        return Outcome(
            None, (Problem(subject, "foreign_gateway", detail, "register it at its own organisation"),)
        )
    ingress, egress = gateway.ingress, gateway.egress
    if (ingress.host, ingress.port) == (egress.host, egress.port):
        detail = f"ingress and egress both listen on {ingress.host} port {ingress.port}"
        return Outcome(None, (Problem(subject, "same_address", detail, "give them different ports"),))
    return Outcome(Listeners(gateway, world.epoch, world.limits.classes))
