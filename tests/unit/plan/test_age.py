"""How long a sighting counts: not seeing starts the clock, not being able to see does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.held import Held
from control_plane.model.sighting import SourceKind
from control_plane.plan.age import Aging, Standing, standing
from tests.unit.plan.test_merge import held

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGING = Aging(keep=300, offline=3600, blind=86_400)


def after(seconds: float, one: Held, *, blind: bool = False) -> Standing:
    return standing(
        one, now=NOON + timedelta(seconds=seconds), aging=AGING, blind_since=NOON if blind else None
    )


def missing(ttl: float = 0.0) -> Held:
    return replace(held(SourceKind.DNS_SD, ttl=ttl), missing=NOON)


def test_what_is_still_said_does_not_age() -> None:
    assert after(1e9, held(SourceKind.DNS_SD)) is Standing.PRESENT


def test_what_is_not_said_any_more_is_kept_then_offline_then_withdrawn() -> None:
    assert after(299, missing()) is Standing.PRESENT
    assert after(300, missing()) is Standing.OFFLINE
    assert after(3899, missing()) is Standing.OFFLINE
    assert after(3900, missing()) is Standing.WITHDRAWN


def test_nothing_is_taken_back_before_its_time_to_live_ends() -> None:
    assert after(7199, missing(ttl=7200)) is Standing.PRESENT
    assert after(7200, missing(ttl=7200)) is Standing.OFFLINE


def test_what_a_blind_source_said_stands_for_a_stated_time() -> None:
    one = held(SourceKind.DNS_SD)

    assert after(86_399, one, blind=True) is Standing.PRESENT
    assert after(86_400 + 300, one, blind=True) is Standing.OFFLINE
    assert after(86_400 + 3900, one, blind=True) is Standing.WITHDRAWN


def test_what_was_missing_before_goes_on_ageing_while_its_source_is_blind() -> None:
    assert after(300, missing(), blind=True) is Standing.OFFLINE


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 86_400), st.booleans())
def test_time_only_leads_on(first: float, more: float, ttl: float, blind: bool) -> None:  # noqa: FBT001 - drawn
    order = list(Standing)

    assert order.index(after(first, missing(ttl), blind=blind)) <= order.index(
        after(first + more, missing(ttl), blind=blind)
    )
