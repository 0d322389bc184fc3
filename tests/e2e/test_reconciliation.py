"""Two organisations' audits, compared while real requests cross and after somebody changed one of them."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.store.server_files import ADMIN, ServerFiles
from tests.e2e.conftest import room
from tests.e2e.test_partners import proxenia, run
from tests.integration.translate.certificates import Authority
from tests.integration.translate.test_strangers import context

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


AMBER = "amber@visby.example"


class Amber:
    """A service that answers at once, or (below /slow) when it is told to."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.waiting = 0
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.released.set()
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path.startswith("/slow"):
            self.waiting += 1
            await self.released.wait()
        return web.Response(text="amber", status=503 if request.path == "/broken" else 200)


@dataclass(frozen=True)
class Partners:
    """Riga calls amber@visby."""

    visby: Organisation
    riga: Organisation
    amber: Amber

    async def call(self, path: str, *, method: str = "GET", host: str = "amber.visby.example") -> int:
        url = f"http://127.0.0.1:{self.riga.sites[0].egress}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, headers={"host": host}) as answer,
        ):
            await answer.read()
            return answer.status

    async def compared(self, own: Organisation) -> dict[str, object]:
        """A comparison of everything, as an operator asks for it."""
        partner = self.riga if own is self.visby else self.visby
        words = ("audit", "reconcile", partner.trust_domain, "--from", "1h", "--to", "0s", "-o", "json")
        done = await asyncio.to_thread(run, own, *words)
        assert done.returncode in {0, 1}, done.stderr
        return dict(json.loads(done.stdout))


def organisation(name: str, directory: Path) -> Organisation:
    settings = {
        "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
        "PROXENIA_AUDIT_HEADS_SECONDS": "2",
    }
    return Organisation(f"{name}.example", directory, sites=1, settings=settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners() -> AsyncIterator[Partners]:
    with room() as directory:
        visby, riga = organisation("visby", directory), organisation("riga", directory)
        async with Amber() as amber, visby, riga:
            await asyncio.gather(visby.ready(), riga.ready())
            running = Partners(visby, riga, amber)
            await asyncio.to_thread(_agree, running)

            async def served() -> bool:
                try:
                    return await running.call("/first") == 200
                except aiohttp.ClientError:
                    return False  # the listener is just being made

            await eventually("riga to reach amber@visby", served, within=30)
            yield running


def _agree(partners: Partners) -> None:
    visby, riga = partners.visby, partners.riga
    proxenia(visby, "resource", "add", "amber@visby.example", "--upstream", partners.amber.address)
    token = proxenia(visby, "invite", "riga.example").splitlines()[0]
    proxenia(riga, "join", token)
    proxenia(visby, "agreement", "approve", "riga.example")
    proxenia(riga, "agreement", "approve", "visby.example")
    proxenia(visby, "grant", "add", "amber", "riga.example")
    proxenia(riga, "resource", "add", "amber@visby.example")


async def crossings(own: Organisation) -> int:
    page = await own.get(
        "/audit/events", event_type="cross_org_request", resource="amber@visby.example", limit="1000"
    )
    return len(page["items"])


async def paths(own: Organisation, partner: str, resource: str) -> list[str]:
    """What was asked of a resource, as one side's audit has it."""
    page = await own.get("/audit/events", organisation=partner, resource=resource, limit="1000")
    return [row["metadata"]["path"] for row in page["items"] if "path" in row["metadata"]]


async def tamper(own: Organisation, statement: str) -> str:
    """Change the database as its superuser, behind the back of every trigger."""
    connection = await asyncpg.connect(ServerFiles.of(own.state_dir).dsn(role=ADMIN))
    try:
        await connection.execute("SET session_replication_role = replica")
        return str(await connection.fetchval(statement))
    finally:
        await connection.close()


async def administer(own: Organisation, *statements: str) -> None:
    """Change the database as its superuser."""
    connection = await asyncpg.connect(ServerFiles.of(own.state_dir).dsn(role=ADMIN))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def named(report: dict[str, object]) -> dict[str, str]:
    differences = report["differences"]
    assert isinstance(differences, list)
    return {one["correlation_id"]: one["outcome"] for one in differences}


async def test_what_crossed_is_the_same_on_both_sides(partners: Partners) -> None:
    statuses = [
        await partners.call(f"/{number}", method="GET" if number % 2 else "POST") for number in range(30)
    ]
    statuses.append(await partners.call("/broken", method="POST"))

    async def complete() -> bool:
        ours = await paths(partners.riga, "visby.example", AMBER)
        theirs = await paths(partners.visby, "riga.example", AMBER)
        return {"/first", "/broken", *(f"/{number}" for number in range(30))} <= {*ours} & {*theirs}

    await eventually("every request in both audits", complete, within=30)
    for own in (partners.riga, partners.visby):
        report = await partners.compared(own)
        assert report["error"] == ""
        assert (report["agrees"], named(report)) == (True, {})
        matched = report["matched"]
        assert isinstance(matched, int)
        assert matched >= 32
    assert statuses == [200] * 30 + [503]


async def test_requests_to_a_group_are_in_both_audits_of_the_member_that_was_asked(
    partners: Partners,
) -> None:
    await asyncio.to_thread(proxenia, partners.riga, "group", "add", "amber@riga.example", "visby.example")

    async def passes() -> bool:
        return await partners.call("/group", host="amber.riga.example") == 200

    async def complete() -> bool:
        theirs = await paths(partners.visby, "riga.example", AMBER)
        ours = await paths(partners.riga, "visby.example", "amber@riga.example")
        return theirs.count("/member") == ours.count("/member") == 5

    await eventually("the group to be served", passes, within=20)
    statuses = [await partners.call("/member", host="amber.riga.example") for _ in range(5)]
    await eventually("every request in both audits", complete, within=30)
    for own in (partners.riga, partners.visby):
        report = await partners.compared(own)
        assert (report["agrees"], named(report)) == (True, {})
    await asyncio.to_thread(proxenia, partners.riga, "group", "remove", "amber@riga.example")

    assert statuses == [200] * 5


async def test_of_a_query_string_each_side_has_a_hash_of_its_own_and_no_database_the_text(
    partners: Partners,
) -> None:
    for path in ("/q?token=hidden-sesame", "/q?token=hidden-sesame", "/q?token=other"):
        assert await partners.call(path) == 200

    async def told(own: Organisation) -> list[str]:
        page = await own.get("/audit/events", resource="amber@visby.example", limit="100")
        rows = [item["metadata"] for item in page["items"]]
        return [row["query"] for row in rows if row.get("path") == "/q" and row.get("query")]

    async def complete() -> bool:
        return len(await told(partners.riga)) == len(await told(partners.visby)) == 3

    await eventually("the rows in both audits", complete, within=30)
    ours, theirs = await told(partners.riga), await told(partners.visby)
    assert sorted(ours.count(one) for one in ours) == sorted(theirs.count(one) for one in theirs) == [1, 2, 2]
    assert not set(ours) & set(theirs)
    for own in (partners.riga, partners.visby):
        found = await tamper(own, "SELECT count(*) FROM audit_events e WHERE e::text LIKE '%sesame%'")
        assert found == "0"


async def test_heads_are_countersigned_and_an_export_proves_itself_elsewhere(
    partners: Partners, tmp_path: Path
) -> None:
    async def witnessed() -> bool:
        heads = (await partners.riga.get("/audit/heads"))["items"]
        return {(head["side"], head["organisation"]) for head in heads} == {
            ("ours", "visby.example"),
            ("theirs", "visby.example"),
        }

    await eventually("both logs to be witnessed", witnessed, within=60)
    anchors = tmp_path / "riga.pem"
    anchors.write_text(await asyncio.to_thread(proxenia, partners.riga, "bundle", "own"), encoding="utf-8")
    file = str(tmp_path / "audit.csv")

    words = ("audit", "export", file, "--format", "csv", "--organisation", "visby.example")
    await asyncio.to_thread(proxenia, partners.riga, *words)
    said = await asyncio.to_thread(
        proxenia, partners.visby, "audit", "verify-export", file, "--anchors", str(anchors)
    )

    assert said.startswith("good: ")
    assert "rows of riga.example" in said


async def test_a_slow_database_holds_up_no_request_and_loses_no_row(partners: Partners) -> None:
    """Each statement that writes to the audit takes two seconds; requests do not wait for any of them."""
    tables = ("audit_events", "audit_batches", "audit_seals", "audit_heads")
    slow = [f"CREATE TRIGGER slowly AFTER INSERT ON {one} EXECUTE FUNCTION slowly()" for one in tables]
    await administer(
        partners.visby,
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$",
        *slow,
    )
    before = await crossings(partners.visby)

    began = time.perf_counter()
    statuses = [await partners.call(f"/while-slow/{number}") for number in range(40)]
    took = time.perf_counter() - began

    async def complete() -> bool:
        return await crossings(partners.visby) == before + len(statuses)

    await eventually("every row to arrive", complete, within=60)
    await administer(partners.visby, *(f"DROP TRIGGER slowly ON {one}" for one in tables))
    assert statuses == [200] * 40
    assert took < 40 * 2  # none has waited for a statement
    assert (await partners.visby.get("/audit/verify"))["bad"] is None
    assert (await partners.visby.get("/audit/events", event_type="gap"))["items"] == []


async def test_what_is_no_request_is_in_the_audit_too(partners: Partners, tmp_path: Path) -> None:
    """Strangers with the name that they claim, operators with where they were, the control plane's starts."""
    claimed = "spiffe://stranger.example/gateway/gw-1"
    url = f"https://127.0.0.1:{partners.visby.sites[0].ingress}/"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(url, ssl=context(tmp_path, Authority("stranger.example").leaf(claimed)))
    partners.visby.kill_control_plane()
    await partners.visby.ready_again()

    async def refused() -> bool:
        return bool((await partners.visby.get("/audit/events", principal=claimed))["items"])

    await eventually("the refusal to be in the audit", refused, within=30)
    for stranger in (await partners.visby.get("/audit/events", principal=claimed))["items"]:
        assert (stranger["event_type"], stranger["decision"]) == ("handshake_failed", "denied")
        assert stranger["principal_org"] == "stranger.example"
        assert "CERTIFICATE_VERIFY_FAILED" in stranger["reason"]

    async def actions() -> list[dict[str, Any]]:  # the second start is written when everything runs again
        page = await partners.visby.get("/audit/events", event_type="operator_action", limit="200")
        found = [item["action"] for item in page["items"]].count("control-plane.start")
        return list(page["items"]) if found == 2 else []

    items = await eventually("two starts in the audit", actions)
    done = {item["action"]: item for item in items}
    for action in ("peering.invite", "agreement.approve", "grant.create", "resource.create"):
        assert done[action]["principal"].startswith("user:")
        assert done[action]["metadata"]["from"].startswith("unix, user ")
    assert done["agreement.approve"]["metadata"]["before"] != done["agreement.approve"]["metadata"]["after"]


async def test_what_somebody_changes_in_one_database_is_named_on_both_sides(partners: Partners) -> None:
    change = "path", '{"path": "/nothing"}'
    deleted = await tamper(
        partners.visby,
        "DELETE FROM audit_events WHERE metadata->>'path' = '/7' RETURNING correlation_id",
    )
    altered = await tamper(
        partners.riga,
        f"UPDATE audit_events SET metadata = metadata || '{change[1]}'"  # noqa: S608 - a text of ours
        " WHERE metadata->>'path' = '/9' AND direction = 'egress' RETURNING correlation_id",
    )

    riga, visby = await partners.compared(partners.riga), await partners.compared(partners.visby)

    assert named(riga) == {deleted: "only_ours", altered: "differing"}
    assert named(visby) == {deleted: "only_theirs", altered: "differing"}
    problems = (await partners.riga.get("/status"))["problems"]
    assert [one["subject"] for one in problems if one["code"] == "audits_differ"] == ["partner visby.example"]


async def test_what_a_killed_envoy_did_not_write_down_the_other_side_has(partners: Partners) -> None:
    before = set(named(await partners.compared(partners.riga)))
    call = asyncio.create_task(partners.call("/slow/1", method="POST"))

    async def under_way() -> bool:
        return partners.amber.waiting > 0

    await eventually("a request to be under way", under_way)
    os.kill(partners.riga.envoy_pid(partners.riga.sites[0]), signal.SIGKILL)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await call
    partners.amber.released.set()

    async def back() -> bool:
        try:
            return await partners.call("/back") == 200
        except aiohttp.ClientError:
            return False

    await eventually("riga's Envoy to be back", back, within=30)

    async def complete() -> bool:
        theirs = await paths(partners.visby, "riga.example", AMBER)
        ours = await paths(partners.riga, "visby.example", AMBER)
        return "/slow/1" in theirs and theirs.count("/back") == ours.count("/back") > 0

    await eventually("every row that will come", complete, within=30)
    report = await partners.compared(partners.riga)

    new = {one: outcome for one, outcome in named(report).items() if one not in before}
    assert list(new.values()) == ["only_theirs"]
    differences = report["differences"]
    assert isinstance(differences, list)
    lost = next(one for one in differences if one["correlation_id"] in new)
    assert (lost["theirs"]["path"], lost["theirs"]["method"]) == ("/slow/1", "POST")
