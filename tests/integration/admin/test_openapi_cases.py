"""Thousands of requests made from the API's own description, valid and not, against the real thing.

``PROXENIA_SCHEMATHESIS_EXAMPLES`` is how many are made up for each operation, beside those that cover each
schema and those that follow one another; by default few.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from control_plane.admin.tokens import Role
from tests.unit.admin.world import World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

# A precondition is looked at before the body, so that a bad body may be answered with 412. That what a schema
# allows can still break a rule (a grant of a resource that does not exist) no schema can say.
SETTINGS = """
seed = 20
[generation]
max-examples = {examples}
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 422, 503]
"""
CASES = re.compile(r"(\d+) generated")


async def test_no_request_breaks_what_the_description_promises(world: World, tmp_path: Path) -> None:
    examples = int(os.environ.get("PROXENIA_SCHEMATHESIS_EXAMPLES", "3"))
    (tmp_path / "schemathesis.toml").write_text(SETTINGS.format(examples=examples), encoding="utf-8")
    world.sources.prompt = True  # nobody waits for a source that there is not
    world.attempts.most = 10**9  # wrong tokens are among the cases
    assert world.serving is not None
    await world.call("GET", "/openapi.json")  # it is made once

    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"http://127.0.0.1:{world.serving.port}/openapi.json",
        "--header",
        f"Authorization: Bearer {world.tokens[Role.ADMIN]}",
        "--no-color",
        "--exclude-path-regex",  # they wait for news: every case of them would take as long as it may
        "^/api/v1/(audit/tail|events)$",
        cwd=tmp_path,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    said = (await process.communicate())[0].decode()

    assert process.returncode == 0, said
    found = CASES.search(said)
    assert found is not None, said
    assert int(found[1]) >= 2_000, said
