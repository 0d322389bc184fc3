"""A world of two partners."""

from collections.abc import Callable

import pytest

from control_plane.model.change import Value
from control_plane.model.federation import Unit
from control_plane.plan.world import World
from tests.golden.world import BREMEN, items, open_federation

Apply = Callable[..., set[Unit]]


@pytest.fixture
def world() -> World:
    """Bremen's, with its partners Lübeck and Hamburg."""
    result = World(BREMEN)
    result.apply(items(open_federation()))
    return result


@pytest.fixture
def put(world: World) -> Apply:
    """Add or replace objects; the units that this touches."""

    def apply(*values: Value) -> set[Unit]:
        return world.apply(items(values))

    return apply
