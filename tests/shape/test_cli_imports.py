"""The command line starts fast because it imports nothing heavy."""

import subprocess
import sys

HEAVY = (
    "aiohttp",
    "alembic",
    "asyncpg",
    "cryptography",
    "envoy",
    "google",
    "grpc",
    "jinja2",
    "prometheus_client",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "rich",
    "sqlalchemy",
    "stamina",
    "structlog",
    "uvloop",
    "xds",
)


def test_the_command_line_imports_nothing_heavy() -> None:
    program = """
import sys
import click
from control_plane.cli.main import COMMANDS, main
assert all(main.get_command(click.Context(main), name) for name in COMMANDS)
print(*{name.partition(".")[0] for name in sys.modules})
"""

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert "click" in answer.stdout.split()
    assert not set(answer.stdout.split()) & set(HEAVY)
