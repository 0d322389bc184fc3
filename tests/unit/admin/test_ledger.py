"""No change without an audit event, and none of what is refused."""

import os
from collections.abc import Sequence

import pytest

from control_plane.model.audit import EventType
from control_plane.ports.errors import ConflictError
from control_plane.ports.objects import Write
from tests.unit.admin.world import PARTNER, World, node

NODES = "/api/v1/federation/nodes"
NODE = f"{NODES}/lb-1@{PARTNER}"


async def test_every_change_is_audited_with_its_digests(world: World) -> None:
    await world.call("POST", NODES, node())
    await world.call("PATCH", NODE, {"name": "first"})
    await world.call("DELETE", NODE)

    events = world.audit.events
    assert [event.action for event in events] == ["node.create", "node.edit", "node.remove"]
    assert {event.event_type for event in events} == {EventType.OPERATOR_ACTION}
    assert {event.resource for event in events} == {f"lb-1@{PARTNER}"}
    assert all(event.principal.startswith("user:") for event in events)
    created, edited, removed = (event.metadata for event in events)
    assert created["before"] == removed["after"] == ""
    assert created["after"] == edited["before"] != edited["after"] == removed["before"]


async def test_an_event_says_from_where_it_was_done(world: World) -> None:
    await world.call("POST", NODES, node())

    (event,) = world.audit.events
    assert event.metadata["from"] == f"unix, user {os.getuid()}"


async def test_the_answer_names_the_correlation_id_of_its_event(world: World) -> None:
    answer = await world.call("POST", NODES, node())

    assert [event.correlation_id for event in world.audit.events] == [answer.headers["X-Request-ID"]]


async def test_reading_is_not_audited(world: World) -> None:
    await world.call("GET", NODES)

    assert world.audit.events == []


async def test_without_an_audit_nothing_is_changed(world: World) -> None:
    world.audit.down = True

    answer = await world.call("POST", NODES, node())

    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert world.objects.revision == 0


async def test_without_a_database_nothing_is_changed_and_nothing_is_told(world: World) -> None:
    world.objects.down = True

    answer = await world.call("POST", NODES, node())

    assert (answer.status, answer.code) == (503, "unavailable")
    assert "down" not in str(answer.document)


async def test_a_change_that_fails_is_audited_as_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(_writes: Sequence[Write], *, actor: str) -> int:
        raise ConflictError(f"somebody was faster than {actor}")

    monkeypatch.setattr(world.objects, "write", lose)

    answer = await world.call("POST", NODES, node())

    assert (answer.status, answer.code) == (409, "changed_meanwhile")
    assert "faster" not in str(answer.document)
    announced, outcome = world.audit.events
    assert (announced.decision, outcome.decision) == ("allowed", "failed")
    assert announced.correlation_id == outcome.correlation_id
    assert announced.event_id != outcome.event_id


async def test_an_unforeseen_failure_says_nothing_of_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(world.objects, "page", fail)

    answer = await world.call("GET", NODES)

    assert (answer.status, answer.code) == (500, "internal_error")
    assert "hunter2" not in str(answer.document)
