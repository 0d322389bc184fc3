"""The pictures of the dashboard: where marks and segments are, whatever there is to draw."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.admin.dashboard import strip, timeline
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.expiry import DatedKind, Expiring, Urgency

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def expiring(seconds: int, kind: DatedKind = DatedKind.LEAF, severity: str = "ok") -> Expiring:
    return Expiring(
        subject=f"thing {seconds}",
        kind=kind,
        organisation="bergen.example",
        not_after=NOW + timedelta(seconds=seconds),
        breaks="all",
        seconds_left=seconds,
        severity=severity,
    )


def event(kind: EventType, at: datetime, **facts: str) -> AuditEvent:
    row = f"{kind} {at} {facts}"
    base = {"reporter": "gw-1", "resource": "orders@luebeck.example"}
    return AuditEvent(event_id=row, row_id=row, timestamp=at, event_type=kind, **(base | facts))  # type: ignore[arg-type]  # all of these are text


@given(
    st.lists(
        st.builds(
            expiring,
            st.integers(-(10**6), 10**9),
            st.sampled_from(DatedKind),
            st.sampled_from([urgency.name.lower() for urgency in Urgency]),
        ),
        max_size=40,
    )
)
def test_everything_that_ends_is_in_the_picture_and_nothing_overlaps(items: list[Expiring]) -> None:
    drawn = timeline.lay_out(items)

    assert sum(mark.count for mark in drawn.marks) == len(items)
    assert len(drawn.lanes) == len({item.kind for item in items})
    assert all(timeline.LEFT <= mark.x <= timeline.RIGHT for mark in drawn.marks)
    assert all(mark.y < drawn.height for mark in drawn.marks)
    for lane in drawn.lanes:
        places = sorted(mark.x for mark in drawn.marks if mark.y == lane.y)
        assert all(right - left >= 23 for left, right in itertools.pairwise(places))


def test_what_lies_together_shows_the_worst_of_it() -> None:
    drawn = timeline.lay_out([expiring(60, severity="critical"), expiring(61), expiring(10**8)])

    assert [(mark.severity, mark.count) for mark in drawn.marks] == [("critical", 2), ("ok", 1)]
    assert drawn.marks[0].title.startswith("thing 60 and 1 more")


def test_the_scale_grows_with_the_time() -> None:
    places = [timeline.place(seconds) for seconds in (0, 3_600, 86_400, 86_400 * 365, 10**12)]

    assert places == sorted(set(places))
    assert (places[0], places[-1]) == (timeline.LEFT, timeline.RIGHT)


def test_a_circuit_is_open_from_one_event_to_the_next() -> None:
    opened, closed = EventType.CIRCUIT_OPENED, EventType.CIRCUIT_CLOSED
    events = [
        event(closed, NOW - 3 * HOUR),
        event(opened, NOW - 4 * HOUR, reason="consecutive_5xx"),
        event(opened, NOW - HOUR),
    ]

    found = strip.openings(events)

    assert [(one.begin, one.end) for one in found] == [
        (NOW - 4 * HOUR, NOW - 3 * HOUR),
        (NOW - HOUR, None),
    ]
    assert found[0].why == "consecutive_5xx"


def test_failing_checks_have_a_row_of_their_own() -> None:
    checked = EventType.NODE_CHECKED
    found = strip.openings(
        [event(checked, NOW - HOUR, decision="failed"), event(checked, NOW, decision="allowed")]
    )

    assert [(one.row, one.word, one.end) for one in found] == [("gw-1, checks", "failing", NOW)]


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(-50, 0), st.one_of(st.none(), st.integers(0, 49))),
        max_size=30,
    )
)
def test_a_strip_never_leaves_its_picture(given: list[tuple[int, int, int | None]]) -> None:
    lasting = [
        strip.Lasting(
            f"row {row}",
            "open",
            NOW + begin * HOUR,
            None if length is None else min(NOW, NOW + (begin + length) * HOUR),
        )
        for row, begin, length in given
    ]
    rows = sorted({one.row for one in lasting})

    drawn = strip.lay_out(rows, lasting, NOW)

    assert len(drawn.rows) + drawn.more == len(rows)
    for row in drawn.rows:
        assert row.y < drawn.height
        for segment in row.segments:
            assert segment.x >= strip.LEFT
            assert segment.x + segment.width <= strip.RIGHT + 0.1
            assert segment.width > 0


def test_certificates_are_seen_from_their_first_to_their_last_row() -> None:
    request = EventType.CROSS_ORG_REQUEST
    events = [
        event(request, NOW, peer_serial="b"),
        event(request, NOW - 2 * HOUR, peer_serial="a"),
        event(request, NOW - HOUR, peer_serial="a"),
        event(request, NOW),
    ]

    seen = strip.serials(events)

    assert {name: (one.begin, one.end) for name, one in seen.items()} == {
        "b": (NOW, NOW),
        "a": (NOW - 2 * HOUR, NOW - HOUR),
    }
    assert list(seen) == ["b", "a"]
