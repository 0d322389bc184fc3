"""Two organisations that know nothing of each other become partners by ``invite``, ``join``, ``approve``."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.app.demo.upstream import Upstream
from tests.e2e.conftest import room

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Strangers:
    """Two deployments whose control planes can reach each other, and a service of the first."""

    visby: Organisation
    riga: Organisation
    amber: Upstream


def organisation(name: str, directory: object) -> Organisation:
    settings = {
        "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
        "PROXENIA_HEARTBEAT_SECONDS": "2",
    }
    return Organisation(f"{name}.example", directory, sites=1, settings=settings)  # type: ignore[arg-type]  # a path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strangers() -> AsyncIterator[Strangers]:
    with room() as directory:
        visby, riga = organisation("visby", directory), organisation("riga", directory)
        async with Upstream("amber") as amber, visby, riga:
            await visby.ready()
            await riga.ready()
            yield Strangers(visby, riga, amber)


def run(own: Organisation, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command line on this organisation's machine."""
    argv = [sys.executable, "-m", "control_plane", "--state-dir", str(own.state_dir), *words]
    return subprocess.run(
        argv, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60, check=False
    )


def proxenia(own: Organisation, *words: str, code: int = 0) -> str:
    """The same, that must end so; its standard output, or its complaint."""
    done = run(own, *words)
    assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def fingerprint(text: str, label: str) -> str:
    found = re.search(rf"{label}:\s+(.+)", text)
    assert found, text
    return found[1]


async def test_strangers_become_partners_with_one_token_and_one_look_at_a_fingerprint(
    strangers: Strangers,
) -> None:
    visby, riga = strangers.visby, strangers.riga
    assert strangers.amber.endpoint
    upstream = f"127.0.0.1:{strangers.amber.endpoint.port}"
    proxenia(visby, "resource", "add", "amber@visby.example", "--upstream", upstream)

    invitation = proxenia(visby, "invite", "riga.example")
    token = invitation.splitlines()[0]
    joined = proxenia(riga, "join", token)

    assert fingerprint(invitation, "our fingerprint is") == fingerprint(joined, "their fingerprint")
    for own, partner in ((visby, riga), (riga, visby)):
        agreement = await own.get(f"/federation/agreements/{partner.trust_domain}")
        assert (agreement["state"], agreement["open"]) == ("pending", False)

    proxenia(visby, "agreement", "approve", "riga.example")
    proxenia(riga, "agreement", "approve", "visby.example")
    proxenia(visby, "grant", "add", "amber", "riga.example")
    proxenia(riga, "resource", "add", "amber@visby.example")

    async with aiohttp.ClientSession() as session:

        async def served() -> bool:
            url = f"http://127.0.0.1:{riga.sites[0].egress}/"
            try:
                async with session.get(url, headers={"host": "amber.visby.example"}) as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False  # the listener is just being made

        await eventually("riga to reach amber@visby", served)


async def test_a_token_is_used_once(strangers: Strangers) -> None:
    token = proxenia(strangers.riga, "invite", "reval.example").splitlines()[0]

    complaint = proxenia(strangers.visby, "join", token, code=1)

    assert "wrong_organisation" in complaint


def checked(own: Organisation, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """How ``proxenia check`` ends, and its findings by group and subject."""
    argv = [sys.executable, "-m", "control_plane", "--state-dir", str(own.state_dir), "check", "-o", "json"]
    done = subprocess.run(
        [*argv, *words],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    groups = json.loads(done.stdout)["groups"]
    return done.returncode, {
        f"{group['name']}: {one['subject']}": one for group in groups for one in group["findings"]
    }


async def test_check_finds_nothing_wrong_from_either_side(strangers: Strangers) -> None:
    async def settled() -> dict[str, dict[str, Any]] | None:
        code, found = await asyncio.to_thread(checked, strangers.riga, "--wait", "60")
        assert code == 0, found
        return found if found["ads: riga-1"]["level"] == "ok" else None  # something may be on its way

    found = await eventually("everything to be acknowledged", settled)
    assert found is not None
    sides = {
        name: (one["level"], one["theirs"]["level"])
        for name, one in found.items()
        if name.startswith("partners: visby.example") and one["theirs"]
    }
    assert set(sides) == {f"partners: visby.example {what}" for what in ("trust", "control plane", "nodes")}
    assert set(sides.values()) <= {("ok", "ok"), ("ok", "skipped")}
    assert found["partners: visby.example clock"]["level"] == "ok"
    assert found["database: PostgreSQL"]["level"] == "ok"


async def test_check_names_a_database_that_is_away(strangers: Strangers) -> None:
    riga = strangers.riga
    supervisor = int((riga.state_dir / "up.pid").read_text().split()[0])
    os.kill(supervisor, signal.SIGSTOP)  # or it starts the database again at once
    try:
        riga.kill("postgres")
        code, found = await asyncio.to_thread(checked, riga)
        listed = await asyncio.to_thread(proxenia, riga, "node", "list", code=1)
    finally:
        os.kill(supervisor, signal.SIGCONT)

    assert code == 1
    assert found["database: PostgreSQL"]["code"] == "database_away"
    assert "unavailable" in listed
    code, found = await asyncio.to_thread(checked, riga, "--wait", "60")
    assert code == 0, found


async def test_a_partner_says_what_it_thinks_of_us(strangers: Strangers) -> None:
    proxenia(strangers.visby, "agreement", "pause", "riga.example")

    async def told() -> bool:
        rows = (await strangers.riga.get("/federation/partners"))["items"]
        return any(row["paused"] and "paused us" in row["summary"] for row in rows)

    await eventually("riga to hear that visby paused it", told, within=30)
    _, found = await asyncio.to_thread(checked, strangers.riga)
    assert found["partners: visby.example trust"]["theirs"]["code"] == "paused"
    proxenia(strangers.visby, "agreement", "resume", "riga.example")


async def test_a_revoked_partner_cannot_come_back_by_itself(strangers: Strangers) -> None:
    visby, riga = strangers.visby, strangers.riga
    proxenia(visby, "agreement", "revoke", "riga.example")

    complaint = proxenia(visby, "invite", "riga.example", code=1)

    assert "partner_revoked" in complaint
    agreement = await visby.get(f"/federation/agreements/{riga.trust_domain}")
    assert agreement["state"] == "revoked"


async def test_every_command_names_a_control_plane_that_is_away(strangers: Strangers) -> None:
    await strangers.visby.stop()

    code, found = await asyncio.to_thread(checked, strangers.visby)

    assert code == 3
    assert found["control plane: control plane"]["code"] == "control_plane_away"
    for words in (("status",), ("node", "list"), ("audit", "list")):
        await asyncio.to_thread(proxenia, strangers.visby, *words, code=3)
