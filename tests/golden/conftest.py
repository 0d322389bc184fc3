"""``pytest tests/golden --update-golden`` writes the files anew, and removes what nothing produces."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether the golden files are to be written and not compared; False when the option is not known."""
    return bool(request.config.getoption("--update-golden", default=False))
