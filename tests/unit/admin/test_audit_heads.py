"""Witnessed heads, refused ones, and an operator who accepts a log anew."""

from datetime import UTC, datetime

from control_plane.admin.tokens import Role
from control_plane.model.problem import Problem
from control_plane.ports.heads import Evidence, HeldHead
from tests.unit.admin.world import PARTNER, World

PATH = "/api/v1/audit/heads"
WHEN = datetime(2026, 1, 1, 12, tzinfo=UTC)
HELD = HeldHead(
    organisation=PARTNER,
    log_id="6f0d1b0a-0000-4000-8000-000000000001",
    size=9,
    head=b"head",
    countersigned=b"signed",
    at=WHEN,
)
EVIDENCE = Evidence(
    organisation=PARTNER,
    code="head_forked",
    detail="it forked",
    held=b"head",
    offered=b"other",
    proof=(bytes(32),),
    at=WHEN,
)


async def test_heads_of_both_sides_and_the_evidence_are_listed(world: World) -> None:
    await world.heads.keep_ours(HELD)
    await world.heads.keep_theirs(HELD, after=None)
    await world.heads.keep_evidence(EVIDENCE)

    answer = await world.call("GET", PATH)
    metrics = (await world.call("GET", "/metrics")).document

    assert [(one["side"], one["size"], one["head"]) for one in answer.document["items"]] == [
        ("ours", 9, "head"),
        ("theirs", 9, "head"),
    ]
    (refused,) = answer.document["refused"]
    assert (refused["code"], refused["offered"], refused["proof"]) == ("head_forked", "other", ["00" * 32])
    assert "proxenia_audit_heads_refused 1.0" in metrics


async def test_an_operator_who_accepts_a_log_is_in_the_audit(world: World) -> None:
    await world.heads.keep_evidence(EVIDENCE)
    path = f"{PATH}/{PARTNER}/accept"

    denied = await world.remote("POST", path, headers=world.bearer(Role.OPERATOR))
    done = await world.call("POST", path, {})

    assert (denied.status, done.status) == (403, 204)
    assert await world.heads.evidence(limit=10) == []
    assert [(event.action, event.resource) for event in world.audit.events] == [("audit.accept_log", PARTNER)]


async def test_a_log_that_forked_is_a_problem(world: World) -> None:
    world.offering.wrong = (Problem(f"partner {PARTNER}", "head_forked", "it forked", "ask"),)

    status = await world.call("GET", "/api/v1/status")

    assert [one["code"] for one in status.document["problems"]] == ["head_forked"]
