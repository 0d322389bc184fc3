"""Authorising without sending, explaining, and approvals, through the API."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Kind
from control_plane.model.expiry import DatedKind, Expiring
from control_plane.model.tuning import Tuning
from control_plane.ports.objects import Mode, Write
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.judge import Judge
from tests.fakes.values import audit_event
from tests.unit.admin.test_checks import ending
from tests.unit.admin.world import OWN, PARTNER, World, grant, node, own_resource, resource

API = "/api/v1/federation"
LB_1 = f"spiffe://{PARTNER}/gateway/lb-1"
STOCKFISH = f"stockfish@{OWN}"


@pytest.fixture
async def core(world: World) -> World:
    """A world with a partner, a resource and a grant, and a core that knows them."""
    for value in (Agreement(PARTNER, AgreementState.TRUSTED), Bundle(PARTNER, ("anchor",))):
        kind = Kind.AGREEMENT if isinstance(value, Agreement) else Kind.BUNDLE
        await world.objects.write([Write(kind, PARTNER, value, Mode.CREATE)], actor="test")
    await world.call("POST", f"{API}/nodes", node())
    await world.call("POST", f"{API}/resources", own_resource())
    await world.call("POST", f"{API}/resources", resource())
    await world.call("POST", f"{API}/grants", grant(capabilities=[{"methods": ["GET"], "path": "/today"}]))
    await follow(world)
    return world


async def follow(world: World) -> None:
    federator = Federator(OWN, Tuning())
    change = await world.objects.changes(0)
    federator.apply(Change(1, change.items))
    world.judging.judge = Judge(federator.world, federator.exports)


def asking(**changes: object) -> dict[str, object]:
    return {"principal": LB_1, "resource": STOCKFISH, "action": "GET", "capability": "/today", **changes}


async def test_what_is_granted_is_allowed_and_the_question_is_recorded(core: World) -> None:
    answer = await core.call("POST", f"{API}/authorize", asking())

    assert answer.status == 200
    assert answer.document["decision"] == "allowed"
    assert answer.document["policy_id"] == "luebeck-uses-stockfish"
    assert answer.document["ttl_seconds"] == 300
    event = core.audit.events[-1]
    assert event.event_type is EventType.CROSS_ORG_AUTHORIZATION
    assert (event.principal, event.capability, event.decision) == (LB_1, "/today", "allowed")


async def test_what_is_not_granted_is_denied_with_the_reason_and_what_would_change_it(core: World) -> None:
    answer = await core.call("POST", f"{API}/authorize", asking(action="DELETE"))

    assert answer.document["decision"] == "denied"
    assert answer.document["reason"] == "wrong_method"
    assert answer.document["policy_id"] == "deny:capability"
    assert answer.document["hint"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"capability": "/a/../today"}, "bad_path"),
        ({"capability": "/a/%2e%2e/today"}, "bad_path"),
        ({"capability": "/a%2ftoday"}, "bad_path"),
        ({"capability": "/a\\today"}, "bad_path"),
        ({"principal": "lb-1"}, "bad_spiffe_id"),
        ({"resource": "stockfish"}, "bad_parameter"),
        ({"context": {"colour": "red"}}, "bad_parameter"),
        ({"action": "tools/call", "capability": "x", "context": {"path": "mcp"}}, "bad_path"),
    ],
)
async def test_a_question_that_no_request_could_ask_is_refused(
    core: World, changes: dict[str, object], code: str
) -> None:
    answer = await core.call("POST", f"{API}/authorize", asking(**changes))

    assert (answer.status // 100, answer.code) == (4, code)


async def test_a_route_is_explained_to_the_first_thing_that_stops_it(core: World) -> None:
    answer = await core.call("POST", f"{API}/routes/explain", {"route": f"orders@{PARTNER}"})

    assert answer.document["works"] is False
    assert answer.document["code"] == "no_gateway"
    assert [step["finding"] for step in answer.document["steps"]][-1] == "stopped"


async def test_an_anchor_that_has_ended_stops_nothing_while_another_is_good(core: World) -> None:
    def anchor(left: int) -> Expiring:
        item = ending(left, "expired" if left < 0 else "ok")
        return replace(item, kind=DatedKind.PARTNER_ANCHOR, organisation=PARTNER)

    core.expiries.items = (anchor(-5), anchor(500))
    one = await core.call("POST", f"{API}/routes/explain", {"route": f"orders@{PARTNER}"})
    core.expiries.items = (anchor(-5), anchor(-6))
    both = await core.call("POST", f"{API}/routes/explain", {"route": f"orders@{PARTNER}"})

    assert one.document["code"] != "certificate_expired"
    assert both.document["code"] == "certificate_expired"
    assert both.document["steps"][-1]["stage"] == "trust"


async def test_a_caller_who_got_through_since_is_not_stopped_by_an_old_certificate(core: World) -> None:
    now = datetime.now(UTC)
    shake = audit_event(
        1,
        timestamp=now - timedelta(minutes=2),
        event_type=EventType.HANDSHAKE_FAILED,
        principal=LB_1,
        principal_org=PARTNER,
        decision="denied",
        reason="certificate has expired",
    )
    await core.audit.append([shake])
    asked = {"route": STOCKFISH, "caller": asking()}
    failing = await core.call("POST", f"{API}/routes/explain", asked)
    await core.audit.append(
        [audit_event(2, timestamp=now - timedelta(minutes=1), principal=LB_1, decision="allowed")]
    )
    renewed = await core.call("POST", f"{API}/routes/explain", asked)

    assert failing.document["code"] == "certificate_expired"
    assert renewed.document["code"] == "no_gateway"


async def test_a_request_is_explained_by_its_rows(core: World) -> None:
    denied = audit_event(
        1,
        event_type=EventType.CROSS_ORG_REQUEST_DENIED,
        principal=LB_1,
        resource=STOCKFISH,
        action="PUT",
        decision="denied",
        reason="not_granted",
        policy_id="deny:capability",
        status=403,
        metadata={"path": "/today"},
    )
    await core.audit.append([denied])

    answer = await core.call("POST", f"{API}/routes/explain", {"request": denied.correlation_id})

    assert answer.document["code"] == "wrong_method"
    assert "PUT /today" in answer.document["steps"][0]["detail"]


async def test_a_code_is_explained_and_one_that_nobody_knows_is_not_found(core: World) -> None:
    known = await core.call("POST", f"{API}/routes/explain", {"code": "deny:capability"})
    unknown = await core.call("POST", f"{API}/routes/explain", {"code": "deny:nothing"})

    assert known.document["hint"]
    assert (unknown.status, unknown.code) == (404, "not_found")


@pytest.mark.parametrize("body", [{}, {"route": "a@b", "node": "a@b"}, {"route": "x" * 2000}])
async def test_a_question_is_about_exactly_one_thing(core: World, body: dict[str, object]) -> None:
    answer = await core.call("POST", f"{API}/routes/explain", body)

    assert answer.status in {400, 422}


async def test_routes_are_listed_with_what_stops_them(core: World) -> None:
    answer = await core.call("GET", f"{API}/routes")

    items = answer.document["items"]
    routes = {(route["id"], route["direction"]): (route["works"], route["code"]) for route in items}
    assert routes == {
        (STOCKFISH, "ingress"): (True, ""),
        (STOCKFISH, "egress"): (False, "no_gateway"),
        (f"orders@{PARTNER}", "egress"): (False, "no_gateway"),
    }


async def test_an_approval_is_given_by_its_name_and_taken_back(core: World) -> None:
    conditions = {"approval": "works-council"}
    await core.call("POST", f"{API}/grants", grant("waiting", conditions=conditions))

    wrong = await core.call("POST", f"{API}/grants/waiting/approve", {"approval": "chief"})
    given = await core.call("POST", f"{API}/grants/waiting/approve", {"approval": "works-council"})
    await follow(core)
    allowed = await core.call("POST", f"{API}/authorize", asking(capability="/other"))
    taken = await core.call("POST", f"{API}/grants/waiting/disapprove", {"approval": "works-council"})
    await follow(core)
    denied = await core.call("POST", f"{API}/authorize", asking(capability="/other"))

    assert (wrong.status, wrong.code) == (422, "bad_approval")
    assert given.document["approved_by"]
    assert allowed.document["conditions"] == [f"approved as works-council by {given.document['approved_by']}"]
    assert taken.document["approved_by"] == ""
    assert denied.document["decision"] == "denied"


async def test_nobody_brings_an_approval_along(core: World) -> None:
    forged = grant("forged", conditions={"approval": "works-council"}, approved_by="chief")

    answer = await core.call("POST", f"{API}/grants", forged)

    assert (answer.status, answer.code) == (422, "bad_approval")


async def test_what_a_shadow_grant_would_have_allowed_is_counted(core: World) -> None:
    await core.call("POST", f"{API}/grants", grant("trial", shadow=True))
    await core.audit.append(
        [
            audit_event(
                number,
                resource=STOCKFISH,
                decision=decision,
                metadata={"shadow": "trial", "shadow_result": "allowed"},
            )
            for number, decision in enumerate(("denied", "denied", "allowed"), 1)
        ]
    )

    answer = await core.call("GET", f"{API}/grants/trial/shadow", params={"since": "2026-01-01T00:00:00Z"})

    assert (answer.document["would_allow"], answer.document["denied"]) == (3, 2)
    assert answer.document["shadow"] is True
