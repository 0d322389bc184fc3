"""One truth about a node, of what gateways saw, checks found, circuits and its organisation say (pure).

Bad news must last before it is shown (``OFFLINE_AFTER``), and good news too (``CALM``), so that a node that
flaps is shown as degraded and not as two things in turn. While answers arrive a node is never shown as
offline, whatever else is said of it. Times are Unix times in seconds; 0 means never.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from control_plane.model.circuit import Circuit, CircuitState
from control_plane.model.node import NodeStatus

OFFLINE_AFTER = 3.0  # seconds of nothing but bad news
CALM = 5.0  # seconds without bad news, before a node that had some is online again
RECENT = 10.0  # seconds that one answer proves anything
STALE = 120.0  # seconds after which nothing that was seen says what is now


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What active checks of one gateway found last; ``since`` is when they began to find it."""

    passes: bool
    since: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one gateway saw of a node."""

    answered: float = 0.0  # when a request last got an answer from it
    failed: float = 0.0  # when one last did not
    reason: str = ""  # why
    check: Check | None = None
    circuits: Mapping[str, Circuit] = field(default_factory=dict)  # by resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """``silent``: the partner's control plane should send heartbeats, and does not."""

    sights: Mapping[str, Sight] = field(default_factory=dict)  # by gateway
    held_open: bool = False
    draining: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What is shown, and a stable word for why."""

    status: NodeStatus
    reason: str


def find(facts: Facts, now: float) -> Finding:
    """Judge a node at ``now``; every circuit of ``facts`` must be as of ``now``."""
    answered = max((sight.answered for sight in facts.sights.values()), default=0.0)
    passing = now - answered < RECENT
    if facts.held_open and not passing:
        return Finding(NodeStatus.OFFLINE, "circuit_opened_by_hand")
    bad = {gateway: _bad(sight) for gateway, sight in facts.sights.items()}
    known = [gateway for gateway, sight in facts.sights.items() if _says_something(sight, now)]
    if not known:
        return Finding(NodeStatus.UNKNOWN, "heartbeat_lost" if facts.silent else "nothing_seen")
    worst = [found for gateway in known if (found := bad[gateway])]
    if len(worst) == len(known) and not passing:
        lasting = all(now - since >= OFFLINE_AFTER for _, since in worst)
        return Finding(NodeStatus.OFFLINE if lasting else NodeStatus.DEGRADED, worst[0][0])
    return _less(facts, worst, now)


def _less(facts: Facts, worst: list[tuple[str, float]], now: float) -> Finding:
    """Of a node that somebody can reach."""
    if worst:
        return Finding(NodeStatus.DEGRADED, worst[0][0])
    for sight in facts.sights.values():
        if any(one.state is CircuitState.HALF_OPEN for one in sight.circuits.values()):
            return Finding(NodeStatus.DEGRADED, "circuit_half_open")
        if now - _last_trouble(sight) < CALM:
            return Finding(NodeStatus.DEGRADED, sight.reason or "recovering")
    said = (
        (facts.held_open, "circuit_opened_by_hand"),
        (facts.draining, "draining"),
        (facts.silent, "heartbeat_lost"),
    )
    told = next((reason for is_so, reason in said if is_so), None)
    return Finding(NodeStatus.DEGRADED, told) if told else Finding(NodeStatus.ONLINE, "answers")


def _bad(sight: Sight) -> tuple[str, float] | None:
    """Why a gateway cannot use the node, and since when; None when it can, for one resource at least."""
    opened = [one for one in sight.circuits.values() if one.state is CircuitState.OPEN]
    if opened and len(opened) == len(sight.circuits):
        return "circuit_open", min(one.since for one in opened)
    if sight.check is not None and not sight.check.passes:
        return "check_failed", sight.check.since
    return None


def _says_something(sight: Sight, now: float) -> bool:
    """Whether what a gateway saw is of now: checks and circuits last, a request's outcome does not."""
    lasting = sight.check is not None or any(
        one.state is not CircuitState.CLOSED for one in sight.circuits.values()
    )
    return lasting or now - max(sight.answered, sight.failed) < STALE


def _last_trouble(sight: Sight) -> float:
    ended = [one.since for one in sight.circuits.values() if one.reason]
    checked = sight.check.since if sight.check is not None and sight.check.reason else 0.0
    return max([sight.failed, checked, *ended])
