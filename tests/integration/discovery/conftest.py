"""What the tests of this folder share."""

from tests.integration.discovery.plugin_world import example_installed
from tests.integration.postgres import database_url, postgres_server

__all__ = ["database_url", "example_installed", "postgres_server"]
