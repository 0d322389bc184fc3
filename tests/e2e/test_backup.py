"""A running organisation is backed up, its machine is lost, and an empty one takes its place."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from control_plane.app.demo.organisation import Organisation, eventually
from tests.e2e.conftest import room
from tests.e2e.pair import Load, Pair, pair

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

LISTS = {
    "/federation/nodes": ("id", "spiffe_id", "endpoints", "enabled", "created_at"),
    "/federation/agreements": ("organisation", "state", "paused", "created_at"),
    "/federation/bundles": ("organisation", "anchors", "sequence"),
    "/federation/resources": ("name", "organisation", "upstreams"),
    "/federation/grants": ("id", "resource", "subject", "created_at"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners() -> AsyncIterator[Pair]:
    with room() as directory:
        async with pair(directory, {}, joined=True) as running:
            yield running


async def proxenia(organisation: Organisation, *words: str) -> tuple[int, str, str]:
    """A command on the organisation's machine: exit code, standard output and error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROXENIA_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", *words),
        env={**kept, "PROXENIA_STATE_DIR": str(organisation.state_dir)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, error = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


async def known(organisation: Organisation) -> dict[str, list[Any]]:
    """What operators decided, without what changes by itself."""
    found = {}
    for path, fields in LISTS.items():
        items = (await organisation.get(path))["items"]
        found[path] = [[item[name] for name in fields] for item in items]
    return found


async def test_the_organisation_comes_back_on_an_empty_machine(partners: Pair) -> None:
    luebeck = partners.luebeck
    outside = luebeck.state_dir.parent
    file, secret, wrong = outside / "backup", outside / "passphrase", outside / "wrong"
    for path, text in ((secret, "correct horse battery"), (wrong, "incorrect horse battery")):
        await asyncio.to_thread(path.write_text, text)
        path.chmod(0o600)
    token = (await proxenia(luebeck, "token", "new", "script", "--role", "viewer"))[1]

    async with partners.load() as load:
        code, said, error = await proxenia(
            luebeck, "backup", str(file), "--passphrase-file", str(secret), "-o", "json"
        )
    assert (code, load.failed) == (0, 0), error
    made = json.loads(said)
    before = await known(luebeck)
    keys = await asyncio.to_thread(key_files, luebeck.state_dir)
    assert all(before.values())
    assert file.stat().st_mode & 0o777 == 0o600

    await luebeck.stop()
    await asyncio.to_thread(luebeck.state_dir.rename, outside / "lost")
    luebeck.state_dir.mkdir(mode=0o711)
    refused = await proxenia(luebeck, "restore", str(file), "--passphrase-file", str(wrong))
    assert refused[0] == 1
    assert "wrong_passphrase" in refused[2]
    assert list(luebeck.state_dir.iterdir()) == []

    code, said, error = await proxenia(luebeck, "restore", str(file), "--passphrase-file", str(secret))
    assert code == 0, error
    assert said.startswith(f"luebeck.example is back as of {made['taken_at']}")
    luebeck.start()
    await luebeck.ready()

    assert await known(luebeck) == before
    assert await asyncio.to_thread(key_files, luebeck.state_dir) == keys
    assert (
        token.strip().removeprefix("proxenia_") not in (luebeck.state_dir / "run" / "tokens.json").read_text()
    )
    assert "script" in (luebeck.state_dir / "run" / "tokens.json").read_text()
    async with partners.load() as load:
        await eventually("requests to pass again", lambda: passed(load, 1))
        failed = load.failed
        await eventually("requests to go on passing", lambda: passed(load, 100))
    assert load.failed == failed
    await eventually("each control plane to hear the other", lambda: heard(partners))
    code, said, error = await proxenia(luebeck, "audit", "verify")
    assert code == 0, said + error


async def passed(load: Load, count: int) -> bool:
    """Whether so many requests were answered."""
    return load.outcomes["200"] >= count


async def heard(partners: Pair) -> bool:
    """Whether heartbeats go both ways, and are taken."""
    views = [(await one.get("/federation/partners"))["items"] for one in partners.organisations]
    return all(view and not view[0]["stale"] and not view[0]["send_error"] for view in views)


def key_files(state_dir: Path) -> dict[str, bytes]:
    """The authority's files."""
    directory = state_dir / "ca"
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}
