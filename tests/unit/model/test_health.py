"""One truth about a node: traffic outweighs everything, and bad news must last."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.circuit import Circuit, CircuitState
from control_plane.model.health import CALM, OFFLINE_AFTER, RECENT, Check, Facts, Finding, Sight, find
from control_plane.model.node import NodeStatus

NOW = 1_000.0
OPEN = Circuit(state=CircuitState.OPEN, reason="consecutive_5xx", since=NOW - 10, until=NOW + 20, openings=1)
HALF = Circuit(state=CircuitState.HALF_OPEN, reason="consecutive_5xx", since=NOW - 1, until=NOW + 20)

_past = st.floats(NOW - 400, NOW)
_circuits = st.builds(
    Circuit,
    state=st.sampled_from(CircuitState),
    since=_past,
    until=st.just(NOW + 1),
    reason=st.sampled_from(["", "x"]),
)
_checks = st.none() | st.builds(Check, passes=st.booleans(), since=_past)
_sights = st.builds(
    Sight,
    answered=_past,
    failed=_past,
    check=_checks,
    circuits=st.dictionaries(st.sampled_from(["a", "b"]), _circuits, max_size=2),
)
_facts = st.builds(
    Facts,
    sights=st.dictionaries(st.sampled_from(["g1", "g2"]), _sights, max_size=2),
    held_open=st.booleans(),
    draining=st.booleans(),
    silent=st.booleans(),
)


def seen(**sight: object) -> Finding:
    return find(Facts(sights={"g": Sight(**sight)}), NOW)  # type: ignore[arg-type] # names are checked by Sight


def test_nothing_seen_is_unknown_and_says_whether_the_partner_is_silent() -> None:
    assert find(Facts(), NOW) == Finding(NodeStatus.UNKNOWN, "nothing_seen")
    assert find(Facts(silent=True), NOW) == Finding(NodeStatus.UNKNOWN, "heartbeat_lost")
    assert seen(answered=NOW - 500) == Finding(NodeStatus.UNKNOWN, "nothing_seen")


def test_answers_alone_make_it_online_and_a_recent_failure_degraded() -> None:
    assert seen(answered=NOW - 1) == Finding(NodeStatus.ONLINE, "answers")
    assert seen(answered=NOW - 1, failed=NOW - 2, reason="timeout") == Finding(NodeStatus.DEGRADED, "timeout")
    assert seen(answered=NOW - 1, failed=NOW - CALM) == Finding(NodeStatus.ONLINE, "answers")


def test_an_open_circuit_is_offline_only_after_a_while_and_half_open_is_degraded() -> None:
    fresh = Circuit(state=CircuitState.OPEN, since=NOW - OFFLINE_AFTER / 2, until=NOW + 20)

    assert seen(circuits={"a": fresh}) == Finding(NodeStatus.DEGRADED, "circuit_open")
    assert seen(circuits={"a": OPEN}) == Finding(NodeStatus.OFFLINE, "circuit_open")
    assert seen(circuits={"a": HALF}) == Finding(NodeStatus.DEGRADED, "circuit_half_open")


def test_one_gateway_that_reaches_it_is_enough_not_to_be_offline() -> None:
    facts = Facts(sights={"g1": Sight(circuits={"a": OPEN}), "g2": Sight(check=Check(passes=True, since=1))})

    assert find(facts, NOW) == Finding(NodeStatus.DEGRADED, "circuit_open")


def test_checks_that_fail_make_it_offline_and_checks_that_pass_online() -> None:
    assert seen(check=Check(passes=False, since=NOW - 60, reason="timeout")).status is NodeStatus.OFFLINE
    assert seen(check=Check(passes=True, since=NOW - 60)) == Finding(NodeStatus.ONLINE, "answers")


def test_what_operators_and_partners_say_degrades() -> None:
    sights = {"g": Sight(answered=NOW - 1)}

    assert find(Facts(sights=sights, draining=True), NOW).reason == "draining"
    assert find(Facts(sights=sights, silent=True), NOW).reason == "heartbeat_lost"
    assert find(Facts(sights=sights, held_open=True), NOW).status is NodeStatus.DEGRADED
    assert find(Facts(held_open=True), NOW) == Finding(NodeStatus.OFFLINE, "circuit_opened_by_hand")


@given(_facts)
def test_it_is_never_offline_while_answers_arrive(facts: Facts) -> None:
    passing = any(NOW - sight.answered < RECENT for sight in facts.sights.values())

    found = find(facts, NOW)

    assert found.reason
    if passing:
        assert found.status in {NodeStatus.ONLINE, NodeStatus.DEGRADED}


@given(_facts)
def test_it_is_online_only_when_nothing_bad_was_seen_for_a_while(facts: Facts) -> None:
    found = find(facts, NOW)

    if found.status is NodeStatus.ONLINE:
        assert not any((facts.held_open, facts.draining, facts.silent))
        assert any(
            NOW - max(sight.answered, sight.failed) < 120 or sight.check or sight.circuits
            for sight in facts.sights.values()
        )
        assert all(NOW - sight.failed >= CALM for sight in facts.sights.values())
