"""Two organisations that know nothing of each other, and a third one."""

import pytest

from tests.unit.peering.world import LUEBECK, RIGA, VISBY, Organisation


@pytest.fixture(scope="session")
def luebeck() -> Organisation:
    return Organisation.new(LUEBECK)


@pytest.fixture(scope="session")
def visby() -> Organisation:
    return Organisation.new(VISBY)


@pytest.fixture(scope="session")
def riga() -> Organisation:
    return Organisation.new(RIGA)
