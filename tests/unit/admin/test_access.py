"""Who may ask what: the unix socket's owner everything, others only what their token's role covers."""

import pytest

from control_plane.admin.app import ROUTES
from control_plane.admin.tokens import Role
from tests.unit.admin.world import PARTNER, World

NODES = "/api/v1/federation/nodes"


def test_only_the_health_checks_need_no_token() -> None:
    open_to_all = {route.operation.path for route in ROUTES if route.operation.role is None}

    assert open_to_all == {"/healthz", "/readyz"}


def test_whatever_changes_something_needs_an_operator() -> None:
    reading = {
        "/api/v1/audit/export",
        "/api/v1/audit/query",
        "/api/v1/federation/authorize",
        "/api/v1/federation/routes/explain",
        "/api/v1/federation/verify",
    }

    changing = [route.operation for route in ROUTES if route.operation.method != "GET"]

    roles = [operation.role for operation in changing if operation.path not in reading]
    assert all(role is not None and role.covers(Role.OPERATOR) for role in roles)


async def test_the_health_checks_answer_without_a_token(world: World) -> None:
    answers = [await world.remote("GET", path) for path in ("/healthz", "/readyz")]

    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("Accept", "*/*"),
        ("Authorization", "Bearer {token}x"),
        ("Authorization", "Bearer x{token}"),
        ("Authorization", "Bearer {half}"),
        ("Authorization", "Basic {token}"),
        ("Authorization", "{token}"),
        ("Authorization", "Bearer "),
        ("Authorization", "Bearer " + "x" * 5000),
        ("Cookie", "token={token}"),
        ("X-Forwarded-For", "127.0.0.1"),
    ],
)
async def test_a_wrong_token_is_refused_before_the_body_is_looked_at(
    world: World, name: str, template: str
) -> None:
    token = world.tokens[Role.ADMIN]
    headers = {name: template.format(token=token, half=token[:-1])}
    before = world.state

    answer = await world.remote("POST", NODES, headers=headers, body=b"{not json")

    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert world.state == before


async def test_a_token_in_the_query_is_none(world: World) -> None:
    answer = await world.remote("GET", f"{NODES}?token={world.tokens[Role.ADMIN]}")

    assert answer.status == 401


async def test_what_does_not_exist_is_not_told_to_strangers(world: World) -> None:
    answer = await world.remote("GET", "/api/v1/nothing")

    assert answer.status == 401


async def test_a_viewer_reads_and_does_not_write(world: World) -> None:
    headers = world.bearer(Role.VIEWER)

    read = await world.remote("GET", NODES, headers=headers)
    written = await world.remote("POST", NODES, headers=headers, body=b"{not json")

    assert read.status == 200
    assert (written.status, written.code) == (403, "not_permitted")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "127.0.0.2"]
)
async def test_a_name_that_only_points_at_us_is_refused(world: World, host: str) -> None:
    headers = {**world.bearer(Role.ADMIN), "Host": host}

    answer = await world.remote("GET", NODES, headers=headers)

    assert (answer.status, answer.code) == (421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "[::1]:9", "[::1]"])
async def test_names_of_the_loopback_are_answered(world: World, host: str) -> None:
    headers = {**world.bearer(Role.VIEWER), "Host": host}

    answer = await world.remote("GET", NODES, headers=headers)

    assert answer.status == 200


async def test_the_audit_names_the_holder_of_the_token(world: World) -> None:
    path = f"/api/v1/federation/agreements/{PARTNER}"
    headers = {**world.bearer(Role.OPERATOR), "Content-Type": "application/json"}

    await world.remote("PUT", path, headers=headers, body=b'{"state":"pending"}')

    assert [event.principal for event in world.audit.events] == ["token:operator"]
    assert world.objects.actors == ["token:operator"]


async def test_a_token_file_that_others_can_read_lets_nobody_in(world: World) -> None:
    world.token_file.chmod(0o644)

    answer = await world.remote("GET", NODES, headers=world.bearer(Role.ADMIN))

    assert answer.status == 401
