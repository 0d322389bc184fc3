"""Answers that are kept for a day, by the key of whoever asked."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UPGRADE = (
    # No status yet: it has begun, and until ``ends_at`` somebody may be working on it.
    """
    CREATE TABLE request_answers (
        principal text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        fingerprint bytea NOT NULL,
        begun_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        status integer,
        headers jsonb,
        body bytea,
        PRIMARY KEY (principal, key)
    )
    """,
    "CREATE INDEX request_answers_begun ON request_answers (begun_at)",
)


def upgrade() -> None:
    """Make the table."""
    for statement in UPGRADE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Drop it: only repetitions of the last day are then done again."""
    op.get_bind().exec_driver_sql("DROP TABLE request_answers")
