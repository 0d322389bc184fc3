"""What ends, and the change of our anchors, through the API; and the same as metrics."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.admin.operation import Call, Nothing
from control_plane.admin.problems import ApiError
from control_plane.admin.rotation import show_rotation
from control_plane.model.expiry import DatedKind, Expiring
from tests.unit.admin.world import World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EXPIRY, ROTATION = "/api/v1/federation/expiry", "/api/v1/federation/rotation"


def ending(subject: str, seconds: int, severity: str) -> Expiring:
    return Expiring(
        subject=subject,
        kind=DatedKind.LEAF,
        organisation="bergen.example",
        not_after=NOON + timedelta(seconds=seconds),
        breaks="its requests fail",
        seconds_left=seconds,
        severity=severity,
    )


async def test_the_worst_is_the_verdict(world: World) -> None:
    world.expiries.items = (ending("gateway a", 60, "critical"), ending("gateway b", 9000, "ok"))

    answer = await world.call("GET", EXPIRY)

    assert answer.document["verdict"] == "critical"
    assert answer.document["summary"] == "gateway a ends very soon: its requests fail"
    assert answer.document["total"] == 2
    assert answer.document["items"][0]["seconds_left"] == 60


async def test_a_quiet_list_names_what_ends_next(world: World) -> None:
    world.expiries.items = (ending("gateway b", 9000, "ok"),)

    answer = await world.call("GET", EXPIRY)

    assert (answer.document["verdict"], answer.document["summary"]) == (
        "ok",
        "1 with a date, the next to end is gateway b",
    )


async def test_metrics_say_the_same_in_seconds_and_never_more_than_two_thousand_series(world: World) -> None:
    world.expiries.items = tuple(ending(f'gateway "{number}"', number, "ok") for number in range(2500))

    assert world.session is not None
    async with world.session.get("http://localhost/metrics") as answer:
        text = await answer.text()

    assert answer.content_type == "text/plain"
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    first = 'proxenia_expiry_seconds{kind="leaf",organisation="bergen.example",subject="gateway \\"0\\""} 0.0'
    assert first in lines
    assert "proxenia_expiry_left_out 1500.0" in lines
    assert len(lines) < 2000


async def test_metrics_need_a_token_over_tcp(world: World) -> None:
    assert (await world.remote("GET", "/metrics")).status == 401


async def test_a_rotation_is_started_confirmed_and_aborted_by_its_caller(world: World) -> None:
    assert world.rotations is not None
    started = await world.call("POST", ROTATION, {})
    again = await world.call("POST", ROTATION, {})
    await world.call("POST", f"{ROTATION}/confirm", {"name": "luebeck.example"})
    aborted = await world.call("POST", f"{ROTATION}/abort", {})

    assert (started.status, started.document["phase"]) == (201, "announced")
    assert (again.status, again.code) == (409, "rotation_in_progress")
    assert aborted.document["phase"] == ""
    assert [deed[:-1] for deed in world.rotations.deeds] == [
        ("start",),
        ("confirm", "luebeck.example"),
        ("abort",),
    ]
    assert all(deed[-1].startswith("user:") for deed in world.rotations.deeds)


async def test_where_anchors_are_handed_in_there_is_no_rotation(world: World) -> None:
    deps = replace(world.dependencies(), rotations=None)
    call = Call(deps=deps, actor="ada", request_id="r", path={})

    with pytest.raises(ApiError) as caught:
        await show_rotation.run(call, Nothing())

    assert caught.value.refusal.code == "anchors_handed_in"
