"""The real PostgreSQL."""

from tests.integration.postgres import database_url, postgres_server

__all__ = ["database_url", "postgres_server"]
