"""Objects that are published beside the store's for a while, and waiting for the next cut."""

import asyncio

import pytest

from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.identity import TrustDomain
from control_plane.ports.errors import UnavailableError
from control_plane.trust.trials import Trials
from tests.golden.world import BREMEN, HAMBURG, open_federation
from tests.unit.reconcile.test_loop import Running, write

pytestmark = pytest.mark.looptime


async def test_what_is_laid_over_is_published_and_taken_back_to_the_last_byte() -> None:
    async with Running() as running:
        await running.until(await write(running.objects, *open_federation()))
        before, revision = dict(running.board.resources), running.objects.revision

        async with running.loop.overlay(Trials.of(TrustDomain(BREMEN), "0123").items()):
            during = dict(running.board.resources)

        assert running.board.resources == before
        assert {name.name for name in during.keys() - before.keys()} == {
            "local/check-0123",
            "to/check-0123.bremen.example",
            "trust-check-0123.invalid",
            "trust-check-0123-other.invalid",
        }
        assert running.objects.revision == revision
        assert running.loop.problems == ()


async def test_it_is_taken_back_also_when_the_block_fails_and_the_world_goes_on_meanwhile() -> None:
    async with Running() as running:
        await running.until(await write(running.objects, *open_federation()))

        with pytest.raises(RuntimeError, match="broken"):
            await revoke_and_break(running)

        assert not [name for name in running.board.resources if "check-0123" in name.name]
        assert running.loop.epoch == 1


async def revoke_and_break(running: Running) -> None:
    async with running.loop.overlay(Trials.of(TrustDomain(BREMEN), "0123").items()):
        changed = Agreement(HAMBURG, AgreementState.REVOKED, cut=Cut(1, 1.0, "ada", "organisation"))
        await running.until(await write(running.objects, changed))
        raise RuntimeError("broken")


async def test_nothing_is_laid_over_a_world_that_was_not_read() -> None:
    running = Running()

    with pytest.raises(UnavailableError):
        async with running.loop.overlay(()):
            pass

    assert running.board.published == []


async def test_a_cut_wakes_whoever_waits_for_it_and_other_changes_do_not() -> None:
    async with Running() as running:
        await running.until(await write(running.objects, *open_federation()))
        waiting = asyncio.create_task(running.loop.until_cut(0))

        paused = Agreement(HAMBURG, AgreementState.TRUSTED, paused=True)
        await running.until(await write(running.objects, paused))
        early = waiting.done()
        cut = Agreement(HAMBURG, AgreementState.REVOKED, cut=Cut(1, 1.0, "ada", "organisation"))
        await running.until(await write(running.objects, cut))
        await waiting

        assert not early
        assert running.loop.cuts() == {HAMBURG: cut.cut}
