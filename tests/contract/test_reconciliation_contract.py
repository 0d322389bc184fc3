"""What every view of the audit as crossings does, and every store of reports."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from control_plane.chain.crossing import crossed, crossing_of, id_hash, raw_item
from control_plane.chain.record_set import gathered
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import FIELDS, Difference, Interval, Outcome, Reconciliation
from control_plane.ports.reconciliation import Span
from tests.contract.conftest import Store
from tests.fakes.values import MOMENT, audit_event

OWN, LUEBECK, VISBY = (TrustDomain(f"{name}.example") for name in ("home", "luebeck", "visby"))
KEY = bytes(range(32))
DAY = Interval(MOMENT, MOMENT + timedelta(days=1))
SPAN = Span(OWN, LUEBECK, DAY)


def variety() -> list[AuditEvent]:
    """Every kind of row about a request that the audit may hold, in both directions."""
    ends = [
        ("via_upstream", "", 200),
        ("via_upstream", "upstream_5xx", 503),
        ("via_upstream", "caller_left", 200),
        ("response_timeout", "timeout", 504),
        ("upstream_reset", "connection_lost", 503),
        ("no_healthy_upstream", "no_healthy_node", 503),
        ("rbac_access_denied", "not_granted", 403),
        ("downstream_remote_disconnect", "caller_left", None),
        ("", "", 0),
    ]
    places = [
        {"upstream": "127.0.0.1:1", "path": "/a", "host": "orders.home.example:8443"},
        {"path": "/b\N{SNOWMAN}", "host": "home.example"},
        {"host": "x.home.example"},
        {},
    ]
    ways = [
        ("ingress", LUEBECK, "orders@home.example", "gw-1"),
        ("ingress", LUEBECK, "", "gw-1"),
        ("ingress", VISBY, "orders@home.example", "gw-1"),
        ("egress", OWN, "furs@luebeck.example", "lb-1@luebeck.example"),
        ("egress", OWN, "furs@luebeck.example", ""),
        ("egress", OWN, "furs@visby.example", "vi-1@visby.example"),
        ("egress", OWN, "group@home.example", "lb-1@luebeck.example"),
        ("egress", OWN, "group@home.example", "vi-1@visby.example"),
        ("egress", OWN, "group@home.example", "home.example"),
        ("", OWN, "furs@luebeck.example", ""),
    ]
    return [
        audit_event(
            number,
            direction=direction,
            principal_org=str(organisation),
            resource=resource,
            target_node=target,
            reason=reason,
            status=status,
            metadata={**place, "detail": detail},
            event_type=EventType.CROSS_ORG_REQUEST_DENIED if status == 403 else EventType.CROSS_ORG_REQUEST,
        )
        for number, ((detail, reason, status), place, way) in enumerate(product(ends, places, ways), start=1)
        for direction, organisation, resource, target in [way]
    ]


async def test_the_crossings_of_a_pair_become_the_items_that_the_pure_rules_make(store: Store) -> None:
    events = [
        *variety(),
        audit_event(900, correlation_id=""),
        audit_event(901, event_type=EventType.CIRCUIT_OPENED),
        audit_event(-5),  # before the interval
    ]
    await store.audit.append(events)

    found = await store.crossings.records(SPAN, KEY, FIELDS)

    ours = [
        event
        for event in events
        if crossed(event)
        and event.timestamp >= DAY.since
        and "luebeck"
        in (f"{event.resource} {event.target_node}" if event.direction == "egress" else event.principal_org)
    ]
    assert 100 < len(found) == len(ours)
    assert found == gathered(raw_item(crossing_of(event, OWN), KEY, FIELDS) for event in ours)


async def test_fields_that_are_left_out_make_no_difference(store: Store) -> None:
    await store.audit.append([audit_event(1, metadata={"path": "/a"})])
    fields = tuple(name for name in FIELDS if name != "path")

    found = await store.crossings.records(SPAN, KEY, fields)

    assert found == gathered([raw_item(crossing_of(audit_event(1), OWN), KEY, fields)])


async def test_what_is_read_is_told_of_meanwhile(store: Store) -> None:
    await store.audit.append([audit_event(1), audit_event(2)])
    told: list[tuple[int, datetime]] = []

    await store.crossings.records(SPAN, KEY, FIELDS, progress=lambda *one: told.append(one))

    assert told == [(2, audit_event(2).timestamp)]


async def test_the_last_of_several_rows_of_one_request_counts(store: Store) -> None:
    first, second = audit_event(1, status=503), audit_event(2, correlation_id="correlation-1")
    await store.audit.append([second, first])

    found = await store.crossings.records(SPAN, KEY, FIELDS)
    named = await store.crossings.named(SPAN, KEY, [id_hash("correlation-1", KEY)])
    known = await store.crossings.known(LUEBECK, ["correlation-1", "nothing"])

    assert found.items(b"") == gathered([raw_item(crossing_of(second, OWN), KEY)]).items(b"")
    assert named == known == [second]


async def test_rows_are_named_within_the_span_only_and_known_at_any_time(store: Store) -> None:
    other = audit_event(3, principal_org=str(VISBY))
    early, within = audit_event(-9), audit_event(9)
    await store.audit.append([early, within, other])
    ids = [event.correlation_id for event in (early, within, other)]

    named = await store.crossings.named(SPAN, KEY, [id_hash(one, KEY) for one in ids])
    known = await store.crossings.known(LUEBECK, ids)

    assert named == [within]
    assert sorted(known, key=lambda event: event.timestamp) == [early, within]


def report(number: int, *, organisation: TrustDomain = LUEBECK, **changes: object) -> Reconciliation:
    made = Reconciliation(
        id=f"report-{number}",
        organisation=organisation,
        interval=Interval(MOMENT + timedelta(hours=number), MOMENT + timedelta(hours=number + 1)),
        started_at=MOMENT + timedelta(hours=number + 1),
        seconds=0.5,
        actor="schedule",
        ours=3,
        theirs=2,
        matched=2,
        bytes=1234,
        messages=2,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the names are checked by replace


def difference(name: str) -> Difference:
    return Difference(
        correlation_id=name,
        outcome=Outcome.DIFFERING,
        timestamp=MOMENT,
        fields=("path",),
        ours={"path": "/a"},
        theirs={"path": "/b"},
    )


async def test_reports_come_back_newest_first_page_by_page(store: Store) -> None:
    kept = [report(number) for number in range(4)] + [report(9, organisation=VISBY)]
    for one in kept:
        await store.reconciliations.keep(one)

    first = await store.reconciliations.page(organisation=LUEBECK, limit=3)
    second = await store.reconciliations.page(organisation=LUEBECK, after=first[-1].id, limit=3)

    assert [*first, *second] == [kept[3], kept[2], kept[1], kept[0]]
    assert (await store.reconciliations.page())[0] == kept[4]


async def test_a_report_names_its_differences_and_they_stay_open_until_settled(store: Store) -> None:
    bad = report(1, differing=2, differences=(difference("one"), difference("two")))
    await store.reconciliations.keep(bad)
    await store.reconciliations.keep(report(2, late=1), settled=["one"])

    (listed,) = await store.reconciliations.page(limit=1)

    assert await store.reconciliations.get("report-1") == bad
    assert await store.reconciliations.get("unknown") is None
    assert listed.differences == ()
    assert await store.reconciliations.open(LUEBECK, limit=10) == [difference("two")]


async def test_how_it_stands_is_said_for_each_partner(store: Store) -> None:
    await store.reconciliations.keep(report(1, only_ours=1, differences=(difference("one"),)))
    await store.reconciliations.keep(report(2, error="unavailable: no answer"))
    await store.reconciliations.keep(report(3, actor="operator"))
    await store.reconciliations.keep(report(1, organisation=VISBY, id="other"))

    luebeck, visby = await store.reconciliations.standings()

    assert (luebeck.organisation, luebeck.agrees, luebeck.open) == (LUEBECK, True, 1)
    assert luebeck.compared_until == report(1).interval.until
    assert (visby.organisation, visby.agrees, visby.open) == (VISBY, True, 0)
