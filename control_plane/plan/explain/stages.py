"""Stages that a request passes in either direction."""

from collections.abc import Iterable

from control_plane.model.explanation import Facts
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.plan.explain.trail import Found, Unknown
from control_plane.plan.world import World

_LISTS_END = ("crl_expired", "crl_missing")


def agreement(world: World, organisation: TrustDomain) -> Found:
    """Whether the partner is trusted, and not paused."""
    closed = world.closed_because(organisation)
    if closed is not None and closed.code.startswith("agreement"):
        return closed
    return f"the agreement with {organisation} is in force"


def trust(world: World, facts: Facts, organisation: TrustDomain, *, principal: str = "") -> Found:
    """Whether certificates can be verified: anchors, revocation lists, and what has ended."""
    closed = world.closed_because(organisation)
    if closed is not None:
        return closed
    lists = world.lists.of(world.bundles[organisation]).problems
    for problem in lists:
        if problem.code in _LISTS_END:
            return problem
    if ended := _ended(facts, organisation, principal):
        return ended
    if ours := _ended(facts, world.own, ""):
        return ours
    return f"the anchors of {organisation} are known, and nothing of either side has ended"


def _ended(facts: Facts, organisation: str, principal: str) -> Problem | None:
    for fact in facts.ended:
        if fact.organisation == organisation:
            return _expired(fact.subject, f"it ended at {fact.not_after:%Y-%m-%d %H:%M:%S} UTC")
    for shake in facts.handshakes:
        known = shake.principal == principal if principal else shake.organisation == organisation
        if known and (problem := of_handshake(shake.principal, shake.reason)):
            return problem
    return None


def of_handshake(principal: str, reason: str) -> Problem | None:
    """What Envoy's words for a refused handshake mean, where that is known."""
    words = reason.lower().replace("_", " ")
    if "certificate has expired" in words or "certificate expired" in words:
        return _expired(principal, "its certificate was refused: it has ended")
    if "crl has expired" in words or "unable to get certificate crl" in words:
        return Problem(
            f"organisation {principal}",
            "crl_expired",
            f"the certificate of {principal} was refused: the revocation list of its authority has ended",
            "ask the partner for a new list, then: proxenia bundle crl set",
        )
    if "certificate revoked" in words:
        return Problem(
            principal, "certificate_revoked", "its certificate is revoked", "ask the partner for a new one"
        )
    return None


def _expired(subject: str, detail: str) -> Problem:
    return Problem(
        subject,
        "certificate_expired",
        f"the certificate of {subject}: {detail}",
        "renew it where it comes from; a gateway does it by itself: look at its clock, and whether it reaches"
        " its control plane",
    )


def gateways(facts: Facts) -> Found:
    """Whether anybody carries out what is configured."""
    if not facts.gateways:
        return Problem(
            "gateways", "no_gateway", "no gateway of ours ever connected", "start one: proxenia gateway run"
        )
    connected = [fact.id for fact in facts.gateways if fact.connected]
    if not connected:
        last = max(facts.gateways, key=lambda fact: (fact.at is not None, fact.at))
        since = f", last seen at {last.at:%Y-%m-%d %H:%M:%S} UTC" if last.at else ""
        return Problem(
            f"gateway {last.id}",
            "gateway_disconnected",
            f"no gateway of ours is connected{since}: what changed since then is not in force",
            "look whether `proxenia gateway run` runs there, and reaches the control plane",
        )
    return f"connected: {', '.join(connected[:5])}"


def taken(facts: Facts, names: Iterable[str]) -> Found:
    """Whether the gateways took the configuration of these names."""
    wanted = set(names)
    for fact in facts.gateways:
        for refused in fact.refused:
            if refused.name in wanted:
                return Problem(
                    f"gateway {fact.id}",
                    "configuration_refused",
                    f"Envoy of {fact.id} refused {refused.name}: {refused.detail}",
                    "the version before stays in force; correct what it names, or report it",
                )
    if not facts.gateways:
        return Unknown("no gateway said anything")
    return f"the gateways refused nothing of {', '.join(sorted(wanted))}"


def limit(facts: Facts, resource: str, *, principal: str = "") -> Found:
    """Whether a limit was reached lately."""
    for fact in facts.limits:
        if fact.resource == resource and (not principal or fact.principal == principal):
            return Problem(
                f"resource {resource}",
                "limit_reached",
                f"{fact.principal} reached its limit at {fact.at:%Y-%m-%d %H:%M:%S} UTC",
                "wait for the time that `retry-after` told the caller, or give it a greater limit",
            )
    return "no limit was reached lately"
