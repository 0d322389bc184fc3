"""Certificates and anchors change under continuous load, new connections included, and no request fails.

Of those that do not change any more, every command says which, and what they stop.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.up import GATEWAY
from control_plane.cli.output import FORMATS
from tests.e2e.conftest import room
from tests.e2e.pair import RESOURCE, Pair, change_anchors, handshakes, pair
from tests.e2e.test_explain import CALLER, ROUTE, call, cause, until
from tests.unit.pki.minting import DAY, NOW, authority, chain_pem, mint

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SETTINGS = {"PROXENIA_LEAF_RENEW_SECONDS": "1", "PROXENIA_CONNECTION_SECONDS": "1"}
HOST = f"{RESOURCE}.luebeck.example"
SHORT = {"PROXENIA_LEAF_HOURS": str(8 / 3600)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners() -> AsyncIterator[Pair]:
    with room() as directory:
        async with pair(directory, SETTINGS, only_novgorod=SHORT) as running:
            yield running


async def test_own_leaves_of_both_sides_change_every_second_without_a_failed_request(partners: Pair) -> None:
    before = await handshakes(partners.luebeck)
    async with partners.load() as load:

        async def changed() -> bool:
            enough = [len(serials) >= 6 for serials in load.serials.values()]
            return sum(enough) == 2 and await handshakes(partners.luebeck) - before >= 8

        await eventually("six certificates of each side to be used", changed, within=60)

    assert load.failed == 0, load.outcomes
    assert load.requests > 200
    assert load.handshakes >= 8
    assert all(len(serials) >= 6 for serials in load.serials.values()), load.serials


@pytest.mark.parametrize("own", [0, 1])
async def test_anchors_change_from_start_to_end_without_a_failed_request(partners: Pair, own: int) -> None:
    organisation, partner = partners.organisations[own], partners.organisations[1 - own]
    before = await anchors(organisation)

    async with partners.load() as load:
        await change_anchors(organisation, partner)

    after = await anchors(organisation)
    assert load.failed == 0, load.outcomes
    assert len(before) == len(after) == 1
    assert before != after
    rows = (await organisation.get("/audit/events", limit="500", event_type="operator_action"))["items"]
    actions = [row["action"] for row in rows]
    steps = ["announced", "acknowledged", "taken_over", "switched", "proven", "finished"]
    assert [action for action in reversed(actions) if action.removeprefix("rotation.") in steps] == [
        f"rotation.{step}" for step in steps
    ]


async def test_a_change_of_anchors_can_be_taken_back(partners: Pair) -> None:
    own, before = partners.luebeck, await anchors(partners.luebeck)

    announced = await own.post("/federation/rotation", {})
    both = await anchors(own)
    aborted = await own.post("/federation/rotation/abort", {})

    assert (announced["phase"], aborted["phase"]) == ("announced", "")
    assert both[:1] == before
    assert len(both) == 2
    assert await anchors(own) == before


async def test_everything_that_ends_is_listed_and_measured(partners: Pair) -> None:
    listed = await partners.luebeck.get("/federation/expiry")

    kinds = {item["kind"] for item in listed["items"]}
    assert {"leaf", "intermediate", "root", "partner_anchor"} <= kinds
    assert listed["verdict"] == "ok"


@contextmanager
def hanging(organisation: Organisation) -> Iterator[None]:
    """Its gateway's agent hangs, so that nothing is renewed; Envoy goes on with what it has."""
    agent = int((organisation.state_dir / "run" / f"{GATEWAY}.pid").read_text().split()[0])
    os.kill(agent, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(agent, signal.SIGCONT)


async def said(organisation: Organisation, *words: str) -> tuple[int, str]:
    """How a command of the operator ends, and what it says."""
    program = (sys.executable, "-m", "control_plane", "--state-dir", str(organisation.state_dir))
    process = await asyncio.create_subprocess_exec(*program, *words, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode()


async def test_a_gateway_whose_certificate_has_ended_is_named_by_every_command_and_by_both_sides(
    partners: Pair,
) -> None:
    luebeck, novgorod = partners.organisations

    async def ended() -> bool:
        return bool((await novgorod.get("/federation/expiry"))["verdict"] == "expired")

    with hanging(novgorod):
        await eventually("the certificate to end", ended, within=20)
        await eventually("requests to fail", lambda: failing(partners), within=20)
        theirs = asyncio.create_task(until("certificate_expired", luebeck, ROUTE, "--as", CALLER))
        asked = [f"check -o {form}" for form in FORMATS] + ["status", "cert list", f"explain {ROUTE}"]
        ours = await asyncio.gather(*(said(novgorod, *words.split()) for words in asked))
        assert await theirs == "certificate_expired"

    assert [code for code, _ in ours] == [1] * len(asked)
    checks, (status, certificates, why) = ours[: len(FORMATS)], [text for _, text in ours[len(FORMATS) :]]
    assert all("certificate_expired" in text for _, text in checks)
    assert "certificates: leaf gateway novgorod-1: certificate_expired" in checks[0][1].splitlines()[0]
    assert "leaf gateway novgorod-1" in status
    assert certificates.startswith("expired: gateway novgorod-1 has ended")
    assert why.startswith("certificate_expired: ")
    assert re.search(r"^trust +stopped ", why, re.MULTILINE)
    await eventually("requests to pass", lambda: passes(partners), within=20)
    assert "certificate_expired" not in (await said(novgorod, "check"))[1]


async def test_an_anchor_that_ends_is_named_and_stops_what_has_no_other(partners: Pair) -> None:
    luebeck, novgorod = partners.organisations
    ended, ending = (
        chain_pem(mint(authority(f"{days} root", "spiffe://novgorod.example", end=NOW + days * DAY)))
        for days in (-1, 3)
    )
    good = "".join(await anchors(novgorod))
    terms, agreement = {"state": "trusted"}, "/federation/agreements/novgorod.example"

    await luebeck.put(agreement, terms | {"bundle": good + ended + ending})
    (code, names), (_, listed) = await asyncio.gather(
        said(luebeck, "check", "-o", "name"), said(luebeck, "cert", "list")
    )
    beside = await cause(luebeck, ROUTE, "--as", CALLER), await passes(partners)
    await luebeck.put(agreement, terms | {"bundle": ended})
    alone = await cause(luebeck, ROUTE, "--as", CALLER)
    await eventually("requests to fail", lambda: failing(partners), within=20)
    await luebeck.put(agreement, terms | {"bundle": good})
    await eventually("requests to pass", lambda: passes(partners), within=20)

    assert code == 1
    assert {"certificates/certificate_expired", "certificates/certificate_ends"} <= set(names.split())
    assert "novgorod.example" in listed.splitlines()[0]
    assert beside == ("", True)
    assert alone == "certificate_expired"


async def passes(running: Pair) -> bool:
    return (await call(running, HOST))[0] == 200


async def failing(running: Pair) -> bool:
    return (await call(running, HOST))[0] == 503


async def anchors(organisation: Organisation) -> list[str]:
    """The anchors that an organisation publishes."""
    bundles = (await organisation.get("/federation/bundles"))["items"]
    found: list[str] = next(
        one["anchors"] for one in bundles if one["organisation"] == organisation.trust_domain
    )
    return found


async def test_anchors_change_by_what_the_partners_control_plane_says_and_nobody_confirms_anything() -> None:
    with room() as directory:
        async with pair(directory, SETTINGS, joined=True) as joined:
            own, partner = joined.organisations
            before = await anchors(own)
            async with joined.load() as load:
                await own.post("/federation/rotation", {})
                await eventually("the change of anchors to end", lambda: finished(own), within=90)
                held = await eventually("the partner to drop the old one", lambda: held_alike(own, partner))
            after = await anchors(own)
            actions = await audited(own)
            await eventually("nothing to be wrong with the partner", lambda: nothing_wrong(own))
            await partner.stop()  # nobody calls its gateway: only heartbeats said that it is up
            await eventually("the silence to be noticed", lambda: silent(own), within=20)
            status = await own.get("/status")

    assert load.failed == 0, load.outcomes
    assert load.requests > 500
    assert len(before) == len(after) == 1
    assert before != after
    assert held
    assert "rotation.confirm" not in actions
    assert actions[-1] == "rotation.finished"
    # The first comparison on schedule may have found nobody just now; the silence is no problem.
    assert {one["code"] for one in status["problems"]} <= {"audits_not_compared"}
    assert [one["code"] for one in status["warnings"]] == ["partner_silent"]


async def nothing_wrong(organisation: Organisation) -> bool:
    return await findings(organisation) == set()


async def findings(organisation: Organisation) -> set[str]:
    """The codes of whatever a check finds of partners, from our side and from theirs."""
    groups = (await organisation.get("/federation/check"))["groups"]
    found = [one for group in groups if group["name"] == "partners" for one in group["findings"]]
    said = [one["theirs"] for one in found if one["theirs"]]
    return {one["code"] for one in (*found, *said) if one["code"]}


async def silent(organisation: Organisation) -> bool:
    """Whether it is noticed that a partner is gone: not heard, not reached, and its node not seen."""
    return await findings(organisation) == {"partner_silent", "node_unseen", "unreachable"}


async def finished(organisation: Organisation) -> bool:
    """Whether no change of anchors is under way (any more)."""
    return not (await organisation.get("/federation/rotation"))["phase"]


async def held_alike(own: Organisation, partner: Organisation) -> bool:
    """Whether the partner holds the anchors that we publish, and no others."""
    held = (await partner.get("/federation/bundles"))["items"]
    theirs = next(one["anchors"] for one in held if one["organisation"] == own.trust_domain)
    return bool(theirs == await anchors(own))


async def audited(organisation: Organisation) -> list[str]:
    """What was done about the rotation, the first first."""
    rows = (await organisation.get("/audit/events", limit="500", event_type="operator_action"))["items"]
    return [row["action"] for row in reversed(rows) if row["action"].startswith("rotation.")]
