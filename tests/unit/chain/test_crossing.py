"""What a row says of a crossing, what a partner is shown of it, and how two sides' words are judged."""

from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.chain.crossing import crossed, crossing_of, differing, item, partner_of, readable, shown
from control_plane.chain.judgement import judge
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import FIELDS, Crossing, Outcome
from tests.fakes.values import LUEBECK, audit_event

OWN = TrustDomain("home.example")
KEY = bytes(32)
EGRESS = audit_event(
    1,
    direction="egress",
    principal="spiffe://home.example/gateway/gw-1",
    principal_org=str(OWN),
    resource="furs@luebeck.example",
    metadata={"detail": "via_upstream", "upstream": "192.0.2.1:8443", "path": "/furs"},
)
INGRESS = replace(
    EGRESS, direction="ingress", target_node="lb-1", metadata={"path": "/furs", "detail": "via_upstream"}
)


def ended(event: AuditEvent, detail: str, reason: str, status: int | None) -> AuditEvent:
    return replace(event, reason=reason, status=status, metadata={**event.metadata, "detail": detail})


def test_both_gateways_rows_of_a_request_are_the_same_item() -> None:
    ours, theirs = crossing_of(EGRESS, OWN), crossing_of(INGRESS, LUEBECK)

    assert item(ours, KEY) == item(theirs, KEY)
    assert item(ours, KEY) != item(ours, bytes(31) + b"\1")
    assert (partner_of(EGRESS), partner_of(INGRESS)) == (LUEBECK, OWN)


def test_a_request_to_a_group_is_one_to_the_member_that_was_asked() -> None:
    asked = replace(EGRESS, resource="furs@home.example", target_node="lb-1@luebeck.example")
    at_home = replace(EGRESS, resource="furs@home.example", target_node="home.example")

    assert item(crossing_of(asked, OWN), KEY) == item(crossing_of(INGRESS, LUEBECK), KEY)
    assert partner_of(asked) == LUEBECK
    assert partner_of(at_home) == OWN


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_counts(name: str) -> None:
    ours = crossing_of(EGRESS, OWN)
    other = replace(ours, values={**ours.values, name: ours.values[name] + "x"})

    assert item(ours, KEY)[:16] == item(other, KEY)[:16]
    assert item(ours, KEY) != item(other, KEY)
    rest = tuple(one for one in FIELDS if one != name)
    assert item(ours, KEY, rest) == item(other, KEY, rest)


@pytest.mark.parametrize(
    ("detail", "reason", "status", "is_one"),
    [
        ("via_upstream", "", 200, True),
        ("via_upstream", "upstream_5xx", 503, True),
        ("response_timeout", "timeout", 504, True),
        ("upstream_reset", "connection_lost", 503, True),
        ("no_healthy_upstream", "no_healthy_node", 503, False),
        ("upstream_reset", "connection_failed", 503, False),
        ("request_rate_limited", "rate_limited", 429, False),
        ("cluster_not_found", "unknown_resource", 404, False),
    ],
)
def test_what_never_left_is_no_crossing(detail: str, reason: str, status: int, is_one: bool) -> None:  # noqa: FBT001 - a column of the table
    assert crossed(ended(EGRESS, detail, reason, status)) is is_one
    assert crossed(ended(INGRESS, detail, reason, status))


def test_a_row_without_a_way_or_a_name_is_no_crossing() -> None:
    assert not crossed(replace(EGRESS, direction=""))
    assert not crossed(replace(EGRESS, correlation_id=""))
    assert not crossed(replace(EGRESS, event_type=EventType.CIRCUIT_OPENED))


def test_a_host_that_no_route_matched_still_names_the_resource() -> None:
    lost = replace(INGRESS, resource="", metadata={"host": "furs.luebeck.example:8443", "path": "/furs"})

    assert crossing_of(lost, LUEBECK).values["resource"] == "furs@luebeck.example"


def test_what_stays_at_home_is_compared_and_not_shown() -> None:
    ours, theirs = crossing_of(EGRESS, OWN), crossing_of(INGRESS, LUEBECK)
    seen = shown(theirs, KEY, frozenset({"path", "principal"}))

    assert "/furs" not in str(seen)
    assert differing(ours, seen, KEY, FIELDS) == ()
    other = replace(ours, values={**ours.values, "path": "/other"})
    assert differing(other, seen, KEY, FIELDS) == ("path",)
    assert readable(seen)["path"] == "(kept at home)"
    assert readable(seen)["method"] == EGRESS.action


def pair(**changes: object) -> tuple[Crossing, Crossing]:
    """Our crossing, and theirs as it is shown."""
    theirs = crossing_of(replace(INGRESS, **changes), LUEBECK)  # type: ignore[arg-type]  # the names are checked by replace
    return crossing_of(EGRESS, OWN), replace(theirs, values=shown(theirs, KEY, frozenset()))


def outcome(ours: Crossing | None, theirs: Crossing | None) -> Outcome | None:
    found = judge(ours, theirs, key=KEY, fields=FIELDS).difference
    return found.outcome if found else None


def test_two_words_about_one_crossing_have_one_outcome() -> None:
    ours, theirs = pair()
    far = replace(theirs, timestamp=theirs.timestamp + timedelta(minutes=3))

    assert outcome(ours, theirs) is None
    assert outcome(ours, None) is Outcome.ONLY_OURS
    assert outcome(None, theirs) is Outcome.ONLY_THEIRS
    assert outcome(*pair(status=201)) is Outcome.DIFFERING
    assert outcome(ours, far) is Outcome.LATE
    with pytest.raises(ValueError, match="at least one side"):
        outcome(None, None)


@pytest.mark.parametrize(("status", "reason"), [(None, ""), (0, ""), (200, "caller_left")])
def test_an_answer_that_one_side_did_not_see_is_no_difference(status: int | None, reason: str) -> None:
    ours, theirs = pair(status=status, reason=reason)

    found = judge(ours, theirs, key=KEY, fields=FIELDS)

    assert (found.difference, found.unanswered) == (None, True)
    assert outcome(*pair(status=status, reason=reason, action="PUT")) is Outcome.DIFFERING
