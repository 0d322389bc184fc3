"""Records as strangers publish them, good ones and what can be made of them."""

from dataclasses import replace

from control_plane.discovery.guard import Rules, check
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint, Sighting, SourceKind
from control_plane.plan.addresses import AddressPolicy

BREMEN = TrustDomain("bremen.example")
LUEBECK = TrustDomain("luebeck.example")
RULES = Rules(
    BREMEN,
    AddressPolicy(),
    frozenset({LUEBECK}),
    frozenset({SpiffeId("spiffe://bremen.example/gateway/gw-1")}),
)
INSIDE = replace(RULES, policy=AddressPolicy.of(["127.0.0.0/8", "10.0.0.0/8"]))


def record(node: str = "lb-1", *hosts: str, **changes: object) -> Candidate:
    """A good record of a node of Lübeck, at ``hosts``, with ``changes``."""
    candidate = Candidate(
        subject=f"{node}._proxenia._tcp.luebeck.example",
        node_id=node,
        organisation=LUEBECK,
        spiffe_id=f"spiffe://{LUEBECK}/gateway/{node}",
        endpoints=tuple(RawEndpoint(host, 8443) for host in hosts or ("8.8.8.8",)),
    )
    return replace(candidate, **changes)  # type: ignore[arg-type] # replace checks the names, the guard the types


def judged(
    candidate: Candidate, rules: Rules = RULES, kind: SourceKind = SourceKind.DNS_SD
) -> Sighting | Problem:
    """What the guard makes of it."""
    return check(candidate, rules, source=str(kind), kind=kind)


def accepted(candidate: Candidate, rules: Rules = RULES, kind: SourceKind = SourceKind.DNS_SD) -> Sighting:
    """The sighting of a record that has to be good."""
    verdict = judged(candidate, rules, kind)
    assert isinstance(verdict, Sighting), verdict
    return verdict


def code(candidate: Candidate, rules: Rules = RULES, kind: SourceKind = SourceKind.DNS_SD) -> str:
    """The code with which a record is refused; empty when it is not."""
    verdict = judged(candidate, rules, kind)
    return verdict.code if isinstance(verdict, Problem) else ""
