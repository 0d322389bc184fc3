"""The schema's history, for alembic: plain SQL in ``versions``, one file per revision."""
