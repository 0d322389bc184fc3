"""The heads of a real log, as they are offered to partners: each proves that it continues the one before."""

import pytest

from control_plane.chain.head import TreeHead
from control_plane.chain.witness import Offer, continues
from control_plane.peering.witnessing import head_in
from control_plane.ports.heads import OwnHead
from control_plane.store.own_heads import PostgresOwnHeads
from control_plane.store.pool import Pool
from tests.fakes.values import audit_event
from tests.integration.audit.ledger import Ledger

pytestmark = pytest.mark.integration


def accepted(held: TreeHead | None, offered: OwnHead) -> TreeHead:
    """What a partner would hold now."""
    head = head_in(offered.signed)
    assert head.size == offered.size
    assert continues(held, Offer(head, offered.first, offered.proof))
    return head


async def test_a_log_without_rows_offers_nothing(ledger: Ledger) -> None:
    assert await ledger.database.own_heads.next(0) is None


async def test_every_head_continues_the_one_that_was_offered_before(ledger: Ledger) -> None:
    log, held, number = ledger.database.own_heads, None, 0

    for rows in (1, 7, 2, 64, 100):
        events = [audit_event(one) for one in range(number, number + rows)]
        await ledger.database.audit.append(events[: rows // 2])
        await ledger.database.audit.append(events[rows // 2 :])
        number += rows
        await ledger.seal()
        offered = await log.next(held.size if held else 0)
        assert offered
        held = accepted(held, offered)

    assert held
    assert held.size == number


async def test_from_the_present_head_on_the_same_one_is_offered(ledger: Ledger) -> None:
    await ledger.database.audit.append([audit_event(1)])
    await ledger.seal()

    first = await ledger.database.own_heads.next(0)
    again = await ledger.database.own_heads.next(1)

    assert first
    assert again
    assert (again.signed, again.first, again.proof) == (first.signed, 1, ())
    assert await ledger.database.own_heads.next(5) is None


async def test_a_long_way_is_gone_in_steps(ledger: Ledger) -> None:
    for number in range(6):
        await ledger.database.audit.append([audit_event(3 * number + one) for one in range(3)])
        await ledger.seal()
    sizes, held = [], None

    async with Pool(ledger.url) as pool:
        log = PostgresOwnHeads(pool, step=5)
        while held is None or held.size < 18:
            offered = await log.next(held.size if held else 3)
            assert offered
            held = accepted(held, offered) if held else head_in(offered.signed)
            sizes.append(held.size)

    assert sizes == [6, 9, 12, 15, 18]
