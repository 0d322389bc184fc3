"""What is different in a source's next report, and nothing besides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.guard import Rules
from control_plane.discovery.inbox import MAX_REFUSED, Difference, Inbox, Steps
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint, SourceKind
from control_plane.plan.addresses import AddressPolicy
from control_plane.plan.age import Aging
from control_plane.ports.source import MAX_CANDIDATES, Seen
from tests.unit.discovery.records import BREMEN, INSIDE, RULES, record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGING = Aging(keep=300, offline=600, blind=900)
ONE, TWO = record("lb-1"), record("lb-2")
OTHER = record("lb-1", subject="a copy", spiffe_id="spiffe://luebeck.example/gateway/other")


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def done(steps: Steps) -> Difference:
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            found: Difference = finished.value
            return found


def told(inbox: Inbox, *candidates: Candidate, second: float = 0, rules: Rules = RULES) -> Difference:
    """Take and accept a report of ``candidates``."""
    found = done(inbox.take(Seen(candidates), rules, now=at(second), confirmed=at(second - 1)))
    inbox.accept(found.changes)
    return found


def inbox() -> Inbox:
    return Inbox("dns-sd", SourceKind.DNS_SD)


def test_a_first_report_is_all_news_and_the_same_again_is_none() -> None:
    box = inbox()

    assert set(told(box, ONE, TWO).changes) == {"lb-1@luebeck.example", "lb-2@luebeck.example"}
    again = told(box, TWO, ONE, second=5)
    assert again.changes == {}
    assert again.seen == 2


def test_a_changed_record_is_news_of_one_node_that_keeps_its_since() -> None:
    box = inbox()
    told(box, ONE, TWO)

    changes = told(box, record("lb-1", "8.8.4.4"), TWO, second=5).changes

    assert list(changes) == ["lb-1@luebeck.example"]
    moved = changes["lb-1@luebeck.example"]
    assert moved is not None
    assert moved.since == NOON


def test_another_identity_is_a_new_claim() -> None:
    box = inbox()
    told(box, ONE)

    claimed = told(box, OTHER, second=5).changes["lb-1@luebeck.example"]

    assert claimed is not None
    assert claimed.since == at(5)


def test_what_is_not_said_is_missing_since_it_was_confirmed_last_and_is_back_without_a_new_claim() -> None:
    box = inbox()
    told(box, ONE, TWO)

    lost = told(box, TWO, second=60).changes["lb-1@luebeck.example"]
    assert lost is not None
    assert lost.missing == at(59)
    assert told(box, TWO, second=61).changes == {}
    back = told(box, ONE, TWO, second=62).changes["lb-1@luebeck.example"]
    assert back is not None
    assert (back.missing, back.since) == (None, NOON)


def test_a_shorter_time_to_live_is_no_news_and_a_longer_one_is_kept() -> None:
    box = inbox()
    told(box, replace(ONE, ttl=120.0))

    assert told(box, replace(ONE, ttl=60.0)).changes == {}
    longer = told(box, replace(ONE, ttl=300.0)).changes["lb-1@luebeck.example"]
    assert longer is not None
    assert longer.sighting.ttl == 300


def test_a_refused_record_leaves_what_was_said_before_and_all_others() -> None:
    box = inbox()
    told(box, ONE, TWO)

    found = told(box, record("lb-1", "127.0.0.1"), TWO, record("lb-3"), second=5)

    assert [problem.code for problem in found.refused] == ["forbidden_address"]
    kept = box.held["lb-1@luebeck.example"]
    assert kept.sighting.endpoints[0].host == "8.8.8.8"
    assert "lb-3@luebeck.example" in found.changes


def test_of_two_records_of_one_node_the_known_identity_stays_in_any_order() -> None:
    for report in ((ONE, OTHER), (OTHER, ONE)):
        box = inbox()
        told(box, ONE)

        found = told(box, *report, second=5)

        assert found.changes == {}
        assert [problem.code for problem in found.refused] == ["identity_conflict"]


def test_a_repeated_record_of_one_identity_is_named_too() -> None:
    found = told(inbox(), ONE, replace(ONE, subject="z", endpoints=(RawEndpoint("8.8.4.4", 1),)))

    assert [problem.code for problem in found.refused] == ["duplicate_node"]


def test_more_than_a_source_may_say_is_counted_and_left_out() -> None:
    many = (ONE,) * (MAX_CANDIDATES + 3)
    refused = tuple(Problem(str(number), "bad_txt", "") for number in range(MAX_REFUSED + 5))

    found = done(inbox().take(Seen(many, refused, 4), RULES, now=NOON, confirmed=NOON))

    assert found.left_out == 7
    assert len(found.refused) == MAX_REFUSED
    assert found.refused_total == MAX_REFUSED + 5 + MAX_CANDIDATES - 1


def test_time_makes_what_is_missing_offline_and_then_withdraws_it() -> None:
    box = inbox()
    told(box, ONE, TWO)
    told(box, TWO, second=1)

    offline = done(box.age(AGING, now=at(301), blind_since=None)).changes
    box.accept(offline)
    gone = done(box.age(AGING, now=at(901), blind_since=None)).changes

    assert [held and held.offline for held in offline.values()] == [True]
    assert gone == {"lb-1@luebeck.example": None}


def test_an_offline_node_that_is_said_again_is_present() -> None:
    box = inbox()
    told(box, ONE)
    told(box, second=1)
    box.accept(done(box.age(AGING, now=at(301), blind_since=None)).changes)

    back = told(box, ONE, second=302).changes["lb-1@luebeck.example"]

    assert back is not None
    assert (back.offline, back.missing) == (False, None)


def test_stricter_rules_withdraw_at_once_what_they_forbid() -> None:
    box = inbox()
    told(box, record("lb-1", "10.0.0.1"), TWO, rules=INSIDE)

    assert done(box.judge(INSIDE)).changes == {}
    assert done(box.judge(RULES)).changes == {"lb-1@luebeck.example": None}
    assert len(done(box.judge(Rules(TWO.organisation, AddressPolicy()))).changes) == 2  # type: ignore[arg-type] # a domain as text
    assert BREMEN


def test_new_rules_are_applied_to_records_that_did_not_change() -> None:
    box = inbox()
    inside = record("lb-1", "10.0.0.1")
    told(box, inside, rules=INSIDE)

    assert [problem.code for problem in told(box, inside).refused] == ["forbidden_address"]


def test_a_record_that_cannot_even_be_compared_stops_nothing() -> None:
    odd = replace(ONE, metadata=[["a", "b"]])  # type: ignore[arg-type] # what a plugin could do

    found = told(inbox(), odd, TWO)

    assert "lb-2@luebeck.example" in found.changes


@given(st.lists(st.sampled_from([ONE, TWO, OTHER, record("lb-1", "127.0.0.1")]), max_size=6), st.randoms())
def test_the_order_of_a_report_means_nothing(report: list[Candidate], chance: object) -> None:
    shuffled = list(report)
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' Random

    assert told(inbox(), *report) == told(inbox(), *shuffled)
