"""Two record sets compared over a wire say the same as the comparison of two sets; liars are found out."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.chain.crossing import HALF, ITEM
from control_plane.chain.reconcile import (
    Answer,
    Compared,
    Items,
    Limits,
    LyingError,
    Parts,
    Question,
    Whole,
    answer,
    compare,
)
from control_plane.chain.record_set import Print, RecordSet, gathered

Records = dict[bytes, bytes]


def made(name: object) -> bytes:
    return sha256(repr(name).encode()).digest()[:HALF]


def record_set(records: Records) -> RecordSet:
    return gathered(one + bytes(8) + rest for one, rest in records.items())


def run(
    ours: RecordSet, tell: Callable[[Question], Answer], limits: Limits | None = None
) -> tuple[Compared, int]:
    """The outcome, and how many questions it took."""
    asking, asked = compare(ours, limits), 0
    question = next(asking)
    while True:
        asked += 1
        try:
            question = asking.send(tell(question))
        except StopIteration as end:
            found: Compared = end.value
            return found, asked


# Ids that share their first bytes are what hashes never give and liars may: all depths are reached.
ids = st.one_of(
    st.integers(0, 3000).map(made),
    st.integers(0, 60).map(lambda number: bytes(HALF - 1) + bytes((number,))),
    st.integers(0, 60).map(lambda number: b"\xff" * (HALF - 1) + bytes((255 - number,))),
)
rests = st.integers(0, 2).map(made)
records = st.dictionaries(ids, rests, max_size=400)


@given(records, records, st.booleans())
def test_the_outcome_is_that_of_comparing_two_sets(one: Records, other: Records, alike: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    ours, theirs = one, {**one, **dict(list(other.items())[:20])} if alike else other
    mine, others = record_set(ours), record_set(theirs)

    found, _ = run(mine, lambda question: answer(others, question))

    assert found.complete
    assert found.theirs == len(theirs)
    assert sorted(found.only_ours) == sorted(ours.keys() - theirs.keys())
    assert sorted(found.only_theirs) == sorted(theirs.keys() - ours.keys())
    assert sorted(found.differing) == sorted(
        one for one in ours.keys() & theirs.keys() if ours[one] != theirs[one]
    )


def test_large_sets_that_differ_in_three_records_take_four_questions() -> None:
    ours = {made(number): made("same") for number in range(40_000)}
    theirs = {**ours, made("more"): made("same"), made(7): made("other")}
    del theirs[made(8)]
    others = record_set(theirs)

    found, asked = run(record_set(ours), lambda question: answer(others, question))

    assert (found.only_ours, found.only_theirs, found.differing) == (
        [made(8)],
        [made("more")],
        [made(7)],
    )
    assert asked <= 4


def test_equal_sets_take_one_question() -> None:
    ours = record_set({made(number): made("same") for number in range(5000)})

    assert run(ours, lambda question: answer(ours, question)) == (Compared(theirs=5000), 1)


def test_sets_that_have_nothing_in_common_end_at_the_limit() -> None:
    ours = record_set({made(number): made("same") for number in range(40_000)})
    theirs = record_set({made(-number): made("same") for number in range(1, 40_000)})

    found, asked = run(
        ours, lambda question: answer(theirs, question), Limits(differences=1000, questions=30)
    )

    assert not found.complete
    assert found.found >= 1000
    assert asked <= 30


def test_of_several_records_of_an_id_the_last_counts() -> None:
    one = made("id")
    first, last = (number.to_bytes(8) for number in (1, 2))
    raws = [one + last + made("b"), one + first + made("a")]

    assert gathered(raws).items(b"") == [one + made("b")]


def no_answer_at_all(question: Question, told: Answer) -> Answer:
    return () if isinstance(question, Whole) else told


def too_few_parts(question: Question, told: Answer) -> Answer:
    return ((),) if isinstance(question, Parts) else told


def no_ranges(question: Question, told: Answer) -> Answer:
    return () if isinstance(question, Parts) else told


def more_than_the_whole(question: Question, told: Answer) -> Answer:
    if not isinstance(question, Parts):
        return told
    return (tuple(Print(2, bytes(32)) for _ in range(256)),) * len(question.prefixes)


def fewer_items_than_claimed(question: Question, told: Answer) -> Answer:
    return tuple(bytes(ITEM) for _ in question.prefixes) if isinstance(question, Items) else told


def other_items_than_claimed(question: Question, told: Answer) -> Answer:
    if not isinstance(question, Items):
        return told
    return tuple(bytes(len(one)) for one in told if isinstance(one, bytes))


LIES = (
    no_answer_at_all,
    too_few_parts,
    no_ranges,
    more_than_the_whole,
    fewer_items_than_claimed,
    other_items_than_claimed,
)


@pytest.mark.parametrize("lie", LIES)
def test_a_side_that_contradicts_itself_is_found_out(lie: Callable[[Question, Answer], Answer]) -> None:
    ours = record_set({made(number): made("same") for number in range(2000)})
    theirs = record_set({made(number): made("other") for number in range(2000)})

    with pytest.raises(LyingError):
        run(ours, lambda question: lie(question, answer(theirs, question)))


def test_items_that_are_not_sorted_are_a_lie_even_with_their_fingerprint() -> None:
    items = [made(number) + made("x") for number in (2, 1, 1)]
    theirs = RecordSet(b"".join(items))
    claim = Print(3, sha256(theirs.packed).digest())

    def tell(question: Question) -> Answer:
        return claim if isinstance(question, Whole) else (theirs.packed,)

    with pytest.raises(LyingError):
        run(record_set({}), tell)


def test_a_side_that_claims_more_than_it_can_show_ends_at_the_limit() -> None:
    """It says that every range has much in it, for ever."""
    share = 1 << 40

    def tell(question: Question) -> Answer:
        match question:
            case Whole():
                return Print(share << 32, bytes(32))
            case Parts(prefixes):
                each = [share << (8 * (3 - len(prefix))) for prefix in prefixes]
                return tuple((Print(count, bytes(32)),) * 256 for count in each)
            case Items(prefixes):
                return (b"",) * len(prefixes)

    with pytest.raises(LyingError):
        run(record_set({}), tell, Limits(questions=50))
