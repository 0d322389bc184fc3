"""A big change does not hold up the event loop."""

import asyncio

from control_plane.model.change import Change
from control_plane.model.tuning import Tuning
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.loop import Loop
from tests.fakes.objects import FakeObjects
from tests.golden.world import BREMEN, items
from tests.unit.reconcile.test_federator import many
from tests.unit.reconcile.worlds import Board


async def test_others_get_their_turn_while_a_big_change_is_applied_and_it_is_published_as_one() -> None:
    objects, board = FakeObjects(), Board()
    change = Change(7, items(many(1_000)))

    async def everything(_since: int) -> Change:
        return change

    objects.changes = everything  # type: ignore[method-assign,assignment]  # a store that was filled elsewhere
    loop = Loop(objects, board, Federator(BREMEN, Tuning()))
    task = asyncio.create_task(loop.run())
    turns = 0

    while not loop.ready.is_set():
        turns += 1
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert turns > 5
    assert len(board.published) == 1
    assert len(board.resources) == 6 * 1_000 + 5
