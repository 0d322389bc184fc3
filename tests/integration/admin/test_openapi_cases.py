"""Thousands of requests made from the API's own description, valid and not, against a whole Proxenia.

``PROXENIA_SCHEMATHESIS_EXAMPLES`` is how many are made up for each operation, beside those that cover each
schema and those that follow one another; by default few.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from control_plane.admin.token_watch import ACTOR
from control_plane.app.demo.organisation import Organisation, free_port
from tests.unit.admin.world import OWN, PARTNER, certificate, grant, node, own_resource, resource

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

NAME = "cases"  # of the token that all are sent with
HOOKS = Path(__file__).with_name("cases_hooks.py")

# A precondition is looked at before the body, so that a bad body may be answered with 412. That what a schema
# allows can still break a rule (a grant of a resource that does not exist) no schema can say.
SETTINGS = """
seed = 20
hooks = "{hooks}"
[generation]
max-examples = {examples}
[phases.examples]
enabled = false
[phases.coverage]
unexpected-methods = ["patch", "trace"]
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 503]
"""
Answers = dict[str, dict[int, int]]  # by credentials and status
CASES = re.compile(r"(\d+) generated")


@dataclass(frozen=True, slots=True)
class Running:
    """``proxenia up`` with PostgreSQL, Envoy and a partner, whose API listens at ``address``."""

    organisation: Organisation
    address: str
    token: str

    async def status(self, path: str) -> int:
        """How the API answers somebody with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.address + path, headers=headers) as got,
        ):
            return got.status


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Running]:
    """Everything, with an agreement, a node, resources and a grant."""
    listen = f"127.0.0.1:{free_port()}"
    settings = {"PROXENIA_ADMIN_LISTEN": listen, "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}"}
    async with Organisation(OWN, directory, sites=1, settings=settings) as own:
        await own.ready()
        terms = {"organisation": PARTNER, "state": "trusted", "bundle": certificate()[0]}
        await own.post("/federation/agreements", terms)
        await own.post("/federation/nodes", node())
        for offered in (resource(), own_resource()):
            await own.post("/federation/resources", offered)
        await own.post("/federation/grants", grant())
        token = (await own.post("/tokens", {"name": NAME, "role": "admin"}))["token"]
        yield Running(own, f"http://{listen}", token)


async def schemathesis(system: Running, directory: Path) -> tuple[int | None, str, Answers]:
    """How it ended, what it said, and how often it was answered what."""
    examples = int(os.environ.get("PROXENIA_SCHEMATHESIS_EXAMPLES", "2"))
    settings = SETTINGS.format(examples=examples, hooks=HOOKS)
    (directory / "schemathesis.toml").write_text(settings, encoding="utf-8")
    answers = directory / "answers.json"
    told = {"CASES_TOKEN": system.token, "CASES_TOKEN_NAME": NAME, "CASES_ANSWERS": str(answers)}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"{system.address}/openapi.json",
        "--header",
        f"Authorization: Bearer {system.token}",
        "--no-color",
        "--exclude-path-regex",  # they wait for news: every case of them would take as long as it may
        "^/api/v1/(audit/tail|events)$",
        cwd=directory,
        env={**os.environ, **told},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    said = (await process.communicate())[0].decode()
    counted: Answers = {"good": {}, "wrong": {}}
    for line, number in json.loads(answers.read_text(encoding="utf-8")).items():
        credentials, _, status = line.partition(" ")
        counted[credentials][int(status)] = number
    return process.returncode, said, counted


async def test_no_request_breaks_what_the_description_promises(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="proxenia-cases-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - one call on a local directory
        async with running(directory) as system:
            code, said, answers = await schemathesis(system, tmp_path)

            await system.organisation.ready()  # and its Envoy is connected
            after = [await system.status(path) for path in ("/readyz", "/api/v1/status")]
            beside = await system.organisation.get("/audit/events", principal=ACTOR)

    assert code == 0, said
    found = CASES.search(said)
    assert found is not None, said
    assert int(found[1]) >= 2_000, said
    assert after == [200, 200]
    assert [event["resource"] for event in beside["items"]] == ["first"]  # the one token of no request
    assert set(answers["wrong"]) == {401}, answers
    good = answers["good"]
    assert not set(good) & {401, 403, 429}, answers  # nearly all was really looked at
    done = sum(number for status, number in good.items() if status < 300)
    assert done >= 0.05 * sum(good.values()), answers  # the rest are refused for what is wrong with them
