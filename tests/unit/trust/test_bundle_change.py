"""What becomes of a bundle that was fetched."""

import pytest

from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.pki.spiffe_bundle import Document
from control_plane.trust.bundle_change import Verdict, judge, wait

VISBY = TrustDomain("visby.example")


def bundle(*anchors: str, sequence: int = 5) -> Bundle:
    return Bundle(VISBY, anchors, sequence=sequence)


HELD = Bundle(VISBY, ("a", "b"), crls=("crl",), sequence=5)


@pytest.mark.parametrize(
    ("fetched", "verdict", "code"),
    [
        (bundle("a", "b"), Verdict.KEEP, ""),
        (bundle("b", "a"), Verdict.KEEP, ""),
        (bundle("a", "b", sequence=6), Verdict.TAKE, ""),
        (bundle("a", sequence=6), Verdict.TAKE, ""),
        (bundle("a", "c", sequence=6), Verdict.TAKE, "anchors_added"),
        (bundle("a", "b", sequence=4), Verdict.REFUSE, "sequence_rollback"),
        (bundle(sequence=4), Verdict.REFUSE, "sequence_rollback"),
        (bundle("a"), Verdict.REFUSE, "sequence_reused"),
        (bundle(), Verdict.REFUSE, "sequence_reused"),
        (bundle("c", sequence=6), Verdict.HOLD, "anchors_replaced"),
        (bundle(sequence=6), Verdict.TAKE, "trust_withdrawn"),
    ],
)
def test_a_fetched_bundle_is_judged_by_the_one_that_we_hold(
    fetched: Bundle, verdict: Verdict, code: str
) -> None:
    judgement = judge(HELD, fetched)

    assert (judgement.verdict, judgement.code) == (verdict, code)
    assert bool(judgement.detail) is bool(code)


def test_what_is_taken_keeps_our_revocation_lists() -> None:
    assert judge(HELD, bundle("a", sequence=6)).bundle == Bundle(VISBY, ("a",), crls=("crl",), sequence=6)


def test_what_is_refused_leaves_what_we_hold() -> None:
    assert judge(HELD, bundle("x", sequence=1)).bundle == HELD


def test_the_first_bundle_ever_waits_for_an_operator() -> None:
    judgement = judge(None, bundle("a"), hold_replaced=False)

    assert (judgement.verdict, judgement.code) == (Verdict.HOLD, "anchors_new")


def test_trust_that_was_withdrawn_does_not_come_back_by_itself() -> None:
    withdrawn = bundle(sequence=6)

    assert judge(withdrawn, bundle("a", sequence=5)).verdict is Verdict.REFUSE
    assert judge(withdrawn, bundle("a", sequence=7)).verdict is Verdict.HOLD
    assert judge(withdrawn, bundle(sequence=6)).verdict is Verdict.KEEP


def test_replaced_anchors_are_taken_only_where_the_operator_wants_that() -> None:
    judgement = judge(HELD, bundle("c", sequence=6), hold_replaced=False)

    assert (judgement.verdict, judgement.code) == (Verdict.TAKE, "anchors_replaced")


@pytest.mark.parametrize(
    ("hint", "seconds"), [(None, 300), (0, 60), (59, 60), (60, 60), (600, 600), (3600, 3600), (10**8, 3600)]
)
def test_the_next_fetch_is_when_the_endpoint_says_within_our_limits(hint: int | None, seconds: float) -> None:
    assert wait(Document(HELD, hint)) == seconds
    assert wait(None) == 300
