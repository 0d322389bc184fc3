"""Limits: three digits, and of nodes that share an identity the highest."""

from dataclasses import replace

import pytest

from control_plane.model.identity import SpiffeId
from control_plane.model.limit import burst, limit_class
from control_plane.model.node import Endpoint
from control_plane.plan.limits import Limits, limits_of
from tests.golden.world import LUEBECK, node

ONE = replace(node("a", LUEBECK, Endpoint("192.0.2.1", 1)), rate_limit_per_hour=500)
SHARED = replace(node("b", LUEBECK, Endpoint("192.0.2.2", 1)), spiffe_id=ONE.spiffe_id)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(1, 1), (999, 999), (1_000, 1_000), (12_345, 12_300), (10_000, 10_000), (10**9, 10**9)],
)
def test_limits_have_three_digits_and_are_at_most_one_percent_less(given: int, kept: int) -> None:
    assert limit_class(given) == kept
    assert 0.99 * given <= kept <= given


def test_the_burst_is_the_least_or_what_a_second_brings() -> None:
    assert [burst(limit, 50) for limit in (1, 10_000, 180_000, 180_001, 3_600_000)] == [50, 50, 50, 51, 1_000]


def test_of_nodes_that_share_an_identity_the_highest_limit_counts() -> None:
    assert limits_of([ONE], [ONE.spiffe_id]) == ((ONE.spiffe_id, 500),)
    assert limits_of([ONE, SHARED], [ONE.spiffe_id]) == ()
    assert limits_of([ONE], [SpiffeId("spiffe://luebeck.example/other")]) == ()


def test_a_node_that_shares_an_identity_with_a_limited_one_touches_it() -> None:
    limits = Limits()

    came = limits.take(None, ONE)
    shared = limits.take(None, SHARED)
    left = limits.take(SHARED, None)
    went = limits.take(ONE, replace(ONE, enabled=False))

    assert came == (True, {ONE.spiffe_id})
    assert shared == left == (False, {ONE.spiffe_id})
    assert went == (True, {ONE.spiffe_id})
    assert limits.classes == (10_000,)
