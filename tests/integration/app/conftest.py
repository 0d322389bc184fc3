"""Parts of the control plane composed as it composes them, on a real PostgreSQL."""

from tests.integration.audit.conftest import guarded
from tests.integration.postgres import postgres_server

__all__ = ["guarded", "postgres_server"]
