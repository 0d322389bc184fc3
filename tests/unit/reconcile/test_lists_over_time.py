"""Revocation lists as time goes by: incremental is from-scratch, and only whose date passed is planned."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.crl import CrlMode, CrlPolicy
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.model.xds import ROUTES, SECRET
from control_plane.ports.objects import Write
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.loop import Loop
from control_plane.translate.names import partner_trust
from tests.fakes.objects import FakeObjects
from tests.golden.world import BREMEN, HAMBURG, LUEBECK, items, node
from tests.unit.pki.minting import DAY, NOW, authority, chain_pem, crl_pem, mint
from tests.unit.reconcile.worlds import Board

HOUR = timedelta(hours=1)
ROOTS = {name: mint(authority(f"{name} flat", path_length=0)) for name in (LUEBECK, HAMBURG)}


def bundle(organisation: TrustDomain, *serials: int, end: datetime, soft: bool = True) -> Bundle:
    root = ROOTS[organisation]
    policy = CrlPolicy(CrlMode.SOFT, grace=DAY) if soft else CrlPolicy()
    crls = (crl_pem(root, *serials, begin=NOW - DAY, end=end),)
    return Bundle(organisation, (chain_pem(root),), crls, crl_policy=policy)


def open_world(*bundles: Bundle) -> list[Value]:
    return [
        Resource(ResourceName("stock"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9000),)),
        *bundles,
        *(Agreement(each.organisation, AgreementState.TRUSTED) for each in bundles),
        *(node("n1", each.organisation, Endpoint("192.0.2.1", 8443)) for each in bundles),
        *(
            Grant(ObjectId(f"for-{each.organisation}"), ResourceName("stock"), each.organisation)
            for each in bundles
        ),
    ]


def test_a_passed_date_plans_its_own_partner_and_nobody_else() -> None:
    world = open_world(bundle(LUEBECK, 7, end=NOW + 3 * HOUR), bundle(HAMBURG, 7, end=NOW + 50 * HOUR))
    federator = Federator(BREMEN, Tuning())
    federator.apply(Change(1, items(world)), now=NOW)
    before = federator.planned

    early = federator.due(NOW + timedelta(minutes=1))
    later = federator.apply(Change(1, ()), now=NOW + 2 * HOUR)  # an hour before the end

    assert not early
    assert {(one.type_url, one.name) for one in later.upserts} == {
        (SECRET, partner_trust(LUEBECK)),
        (SECRET, "trust-ingress"),
        (ROUTES, "ingress"),
    }
    assert federator.planned == before + 2  # the partner, and the resource that it is granted
    assert [problem.code for problem in federator.problems] == ["crl_left_out"]
    assert not federator.due(NOW + 2 * HOUR)


def test_a_hard_policy_publishes_nothing_when_a_date_passes() -> None:
    federator = Federator(BREMEN, Tuning())
    federator.apply(Change(1, items(open_world(bundle(LUEBECK, end=NOW + HOUR, soft=False)))), now=NOW)

    later = federator.apply(Change(1, ()), now=NOW + 2 * HOUR)

    assert (later.upserts, later.removals) == ((), ())
    assert [problem.code for problem in federator.problems] == ["crl_expired"]


@pytest.mark.looptime
@pytest.mark.parametrize("down", [False, True])
async def test_the_loop_lets_time_pass_also_while_the_store_is_away(down: bool) -> None:  # noqa: FBT001 - a parameter of the test
    objects, board, clock = FakeObjects(), Board(), [NOW]
    world = items(open_world(bundle(LUEBECK, 7, end=NOW + 3 * HOUR)))
    await objects.write([Write(item.kind, item.key, item.value) for item in world], actor="test")
    loop = Loop(objects, board, Federator(BREMEN, Tuning()), clock=lambda: clock[0])
    task = asyncio.create_task(loop.run())
    await loop.ready.wait()

    objects.down = down
    await asyncio.sleep(20)
    before = len(board.published)
    clock[0] = NOW + 2 * HOUR
    await asyncio.sleep(20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert (before, len(board.published)) == (1, 2)
    assert loop.degraded is down


_bundles = st.builds(
    lambda organisation, serials, hours, soft: bundle(
        organisation, *serials, end=NOW + hours * HOUR, soft=soft
    ),
    st.sampled_from([LUEBECK, HAMBURG]),
    st.sampled_from([(), (7,), (7, 8)]),
    st.integers(1, 30),
    st.booleans(),
)
_steps = st.lists(st.one_of(_bundles, st.integers(-5, 80)), min_size=1, max_size=10)


@given(_steps)
@settings(max_examples=100, deadline=None)
def test_any_sequence_of_bundles_and_times_equals_starting_from_nothing(steps: list[Bundle | int]) -> None:
    first = [replace(bundle(each, end=NOW + HOUR), crls=()) for each in (LUEBECK, HAMBURG)]
    final = {(item.kind, item.key): item for item in items(open_world(*first))}
    board, federator, now = Board(), Federator(BREMEN, Tuning()), NOW
    board.publish(federator.apply(Change(1, tuple(final.values())), now=now))

    for step in steps:
        changed: tuple[Item, ...] = ()
        if isinstance(step, Bundle):
            changed = (Item(Kind.BUNDLE, step.key, step),)
            final |= {(item.kind, item.key): item for item in changed}
        else:
            now = NOW + step * HOUR
        board.publish(federator.apply(Change(1, changed), now=now))
    expected, fresh = Board(), Federator(BREMEN, Tuning())
    expected.publish(fresh.apply(Change(1, tuple(final.values())), now=now))

    assert board.resources == expected.resources
    assert federator.problems == fresh.problems
