"""The steps of a change of anchors: each waits for what it must, and all but the last can be taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.model.problem import InvalidValueError
from control_plane.model.rotation import Phase
from control_plane.ports.certificates import Crossing
from control_plane.trust.rotation import (
    AnchorState,
    Facts,
    PartnerFacts,
    Rotation,
    abort,
    announce,
    confirm,
    decide,
    proof_since,
    waiting,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALONE = AnchorState(sequence=7, signing="", published=("",))
VISBY = "visby.example"
OUT = Crossing(VISBY, "egress")


def announced() -> AnchorState:
    return announce(ALONE, "root-8", sequence=8, actor="ada", now=NOW)


def rotation_of(state: AnchorState) -> Rotation:
    assert state.rotation is not None
    return state.rotation


def facts(
    holds: int | None = 8,
    gateways: int | None = 8,
    *,
    behind: tuple[str, ...] = (),
    busy: frozenset[Crossing] = frozenset(),
    crossed: frozenset[Crossing] = frozenset(),
) -> Facts:
    partners = (PartnerFacts(VISBY, holds, gateways),)
    return Facts(now=NOW, partners=partners, behind=behind, busy=busy, crossed=crossed)


def after(state: AnchorState, *steps: Facts) -> AnchorState:
    for step in steps:
        state = decide(state, step, sequence=9)
    return state


def switched(busy: frozenset[Crossing] = frozenset({OUT})) -> AnchorState:
    return after(announced(), facts(), facts(), facts(busy=busy))


def test_an_announced_root_stands_beside_the_old_one_which_still_signs() -> None:
    state = announced()

    assert (state.signing, state.published, state.sequence) == ("", ("", "root-8"), 8)
    assert rotation_of(state).phase is Phase.ANNOUNCED


@pytest.mark.parametrize("holds", [None, 7])
def test_without_a_partners_acknowledgement_nothing_goes_on(holds: int | None) -> None:
    state = announced()

    assert after(state, facts(holds)) == state
    assert [one.name for one in waiting(rotation_of(state), facts(holds))] == [VISBY]


def test_every_trusted_partner_counts() -> None:
    two = replace(facts(), partners=(PartnerFacts(VISBY, 8, 8), PartnerFacts("bergen.example")))

    assert rotation_of(after(announced(), two)).phase is Phase.ANNOUNCED


@pytest.mark.parametrize("lacking", [facts(gateways=None), facts(gateways=7), facts(behind=("gw-1",))])
def test_the_switch_waits_for_the_partners_gateways_and_for_ours(lacking: Facts) -> None:
    state = after(announced(), facts())

    assert rotation_of(state).phase is Phase.ACKNOWLEDGED
    assert after(state, lacking) == state
    assert state.signing == ""


def test_all_acknowledgements_lead_to_the_switch_one_step_at_a_time() -> None:
    states = [announced()]
    for _ in range(3):
        states.append(after(states[-1], facts(busy=frozenset({OUT}))))

    phases = [rotation_of(state).phase for state in states]
    assert phases == [Phase.ANNOUNCED, Phase.ACKNOWLEDGED, Phase.TAKEN_OVER, Phase.SWITCHED]
    assert [state.signing for state in states] == ["", "", "", "root-8"]
    assert states[-1].published == ("", "root-8")


def test_a_request_counts_as_proof_only_when_older_connections_are_gone() -> None:
    waiting_for_gateways = after(switched(), facts(behind=("gw-1",)))
    renewed = after(switched(), facts())

    assert proof_since(rotation_of(waiting_for_gateways), timedelta(minutes=10)) is None
    assert proof_since(rotation_of(renewed), timedelta(minutes=10)) == NOW + timedelta(minutes=10)


def test_the_old_root_stays_without_the_proof_of_everybody_who_had_traffic() -> None:
    inward = Crossing(VISBY, "ingress")
    state = after(switched(frozenset({OUT, inward})), facts())

    one_way = after(state, facts(crossed=frozenset({OUT})))

    assert rotation_of(one_way).phase is Phase.SWITCHED
    assert [one.reason for one in waiting(rotation_of(one_way), facts())] == [
        "no ingress request has passed on a new connection yet"
    ]
    both = after(one_way, facts(crossed=frozenset({inward})))
    assert rotation_of(both).phase is Phase.PROVEN


def test_after_the_proof_the_new_root_is_alone_under_a_greater_sequence() -> None:
    state = after(switched(), facts(), facts(crossed=frozenset({OUT})), facts())

    assert state == AnchorState(sequence=9, signing="root-8", published=("root-8",))


def test_a_partner_without_traffic_needs_no_proof() -> None:
    state = after(switched(busy=frozenset()), facts(), facts())

    assert rotation_of(state).phase is Phase.PROVEN


def test_an_operators_word_stands_for_one_partner_at_one_step() -> None:
    state = confirm(announced(), VISBY, facts(None, None), actor="ada")

    state = after(state, facts(None, None))

    assert rotation_of(state).phase is Phase.ACKNOWLEDGED
    assert after(state, facts(None, None)) == state


def test_only_what_is_waited_for_can_be_confirmed() -> None:
    with pytest.raises(InvalidValueError) as caught:
        confirm(announced(), "bergen.example", facts(None), actor="ada")

    assert caught.value.code == "not_waited_for"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_before_the_switch_an_abort_is_complete_at_once(steps: int) -> None:
    state = abort(after(announced(), *[facts()] * steps), sequence=9, now=NOW)

    assert state == AnchorState(sequence=9, signing="", published=("",))


@pytest.mark.parametrize("proven", [False, True])
def test_after_the_switch_an_abort_keeps_both_roots_until_our_gateways_are_back(proven: bool) -> None:  # noqa: FBT001 - a parameter of the test
    state = after(switched(), facts(), *([facts(crossed=frozenset({OUT}))] if proven else []))

    state = abort(state, sequence=9, now=NOW)

    assert (state.signing, state.published) == ("", ("", "root-8"))
    assert after(state, facts(behind=("gw-1",))) == state
    assert after(state, facts()) == AnchorState(sequence=9, signing="", published=("",))


def test_there_is_one_rotation_at_a_time() -> None:
    with pytest.raises(InvalidValueError) as caught:
        announce(announced(), "root-9", sequence=9, actor="ada", now=NOW)

    assert caught.value.code == "rotation_in_progress"


def test_without_a_rotation_there_is_nothing_to_decide_or_to_abort() -> None:
    assert decide(ALONE, facts(), sequence=9) == ALONE
    with pytest.raises(InvalidValueError) as caught:
        abort(ALONE, sequence=9, now=NOW)
    assert caught.value.code == "no_rotation"
