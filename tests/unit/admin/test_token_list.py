"""Tokens over the API: made, used, rotated, revoked; never shown twice, never for more than they are for."""

from collections import Counter

import aiohttp
import pytest

from control_plane.admin.attempts import MAX_SOURCES, MOST, SECONDS, Attempts
from control_plane.admin.tokens import Role, new_token
from tests.unit.admin.world import World

TOKENS = "/api/v1/tokens"
NODES = "/api/v1/federation/nodes"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_is_made_used_rotated_and_revoked(world: World) -> None:
    made = await world.call("POST", TOKENS, {"name": "ci", "role": "operator"})
    token = made.document["token"]
    used = await world.remote("GET", NODES, headers=bearer(token))
    rotated = await world.call("POST", f"{TOKENS}/ci/rotate", {"overlap_seconds": 60})
    listed = await world.call("GET", TOKENS)
    both = [
        (await world.remote("GET", NODES, headers=bearer(each))).status
        for each in (token, rotated.document["token"])
    ]
    revoked = await world.call("DELETE", f"{TOKENS}/ci")
    gone = await world.remote("GET", NODES, headers=bearer(rotated.document["token"]))

    assert (made.status, used.status, rotated.status, revoked.status) == (201, 200, 200, 204)
    assert (both, gone.status) == ([200, 200], 401)
    (item,) = [each for each in listed.document["items"] if each["name"] == "ci"]
    assert item["role"] == "operator"
    assert item["last_used"]
    assert item["overlap_until"]
    assert token not in str(listed.document)
    actions = [(event.action, event.resource) for event in world.audit.events]
    assert actions == [("token.create", "ci"), ("token.rotate", "ci"), ("token.revoke", "ci")]


async def test_tokens_are_listed_in_pages(world: World) -> None:
    first = await world.call("GET", TOKENS, params={"limit": "2"})
    second = await world.call("GET", TOKENS, params={"limit": "2", "after": first.document["next"]})

    names = [each["name"] for page in (first, second) for each in page.document["items"]]
    assert names == ["admin", "operator", "viewer"]
    assert second.document["next"] is None


async def test_a_token_for_some_operations_does_no_others(world: World) -> None:
    token = new_token(world.token_file, name="prometheus", role=Role.ADMIN, groups=("metrics", "tokens"))

    metrics = await world.remote("GET", "/metrics", headers=bearer(token))
    nodes = await world.remote("GET", NODES, headers=bearer(token))
    tokens = await world.remote("GET", TOKENS, headers=bearer(token))

    assert metrics.status == 200
    assert [(each.status, each.code) for each in (nodes, tokens)] == [(403, "not_permitted")] * 2


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"name": ""}, "bad_text"),
        ({"name": "a/b"}, "bad_text"),
        ({"name": "x", "role": "king"}, "bad_choice"),
        ({"name": "x", "groups": ["weather"]}, "bad_token_terms"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "bad_token_terms"),
        ({"name": "admin"}, "already_exists"),
    ],
)
async def test_terms_that_cannot_be_are_refused(world: World, terms: dict[str, object], code: str) -> None:
    answer = await world.call("POST", TOKENS, terms)

    assert answer.code == code


@pytest.mark.parametrize(
    ("method", "path"), [("POST", f"{TOKENS}/nobody/rotate"), ("DELETE", f"{TOKENS}/nobody")]
)
async def test_what_does_not_exist_is_not_changed(world: World, method: str, path: str) -> None:
    answer = await world.call(method, path)

    assert (answer.status, answer.code) == (404, "not_found")
    assert not world.audit.events


async def test_whoever_fails_often_has_to_wait_and_good_tokens_do_not(world: World) -> None:
    statuses = Counter(
        [(await world.remote("GET", NODES, headers=bearer("guess"))).status for _ in range(MOST + 5)]
    )
    limited = await world.remote("GET", NODES, headers=bearer("guess"))
    good = await world.remote("GET", NODES, headers=world.bearer(Role.VIEWER))

    assert statuses[401] >= MOST
    assert (limited.status, limited.code, good.status) == (429, "too_many_attempts", 200)
    assert int(limited.headers["Retry-After"]) >= 1
    (event,) = world.audit.events
    assert (event.action, event.decision) == ("authentication.limited", "denied")
    assert event.metadata["from"] == "tcp 127.0.0.1"


async def test_a_session_ends_with_the_token_that_began_it(world: World) -> None:
    token = new_token(world.token_file, name="ada", role=Role.ADMIN)
    assert world.serving is not None
    place = f"http://127.0.0.1:{world.serving.port}/ui/"

    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        before = await browser.post(f"{place}login", data={"token": token})
        await world.call("DELETE", f"{TOKENS}/ada")
        after = await browser.get(place)

    assert (before.status, after.status) == (200, 401)


def test_failures_are_forgotten_and_so_are_those_who_failed_long_ago() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    told = [attempts.failed("a") for _ in range(MOST + 3)]
    now[0] += SECONDS
    later = attempts.failed("a")

    for number in range(2 * MAX_SOURCES):
        attempts.failed(f"source {number}")

    assert told[:MOST] == [(0, False)] * MOST
    assert [begins for _, begins in told[MOST:]] == [True, False, False]
    assert all(wait >= 1 for wait, _ in told[MOST:])
    assert later == (0, False)
    assert attempts.sources == MAX_SOURCES
