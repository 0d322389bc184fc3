"""Comparing the audit with partners, and finding in it: what is kept, and what makes a page quick."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UPGRADE = (
    # The other organisation of a row; store/crossings.py has the same expression.
    """
    CREATE INDEX audit_events_partner ON audit_events (
        (CASE direction WHEN 'egress' THEN split_part(resource, '@', 2) ELSE principal_org END),
        timestamp, event_id
    )
    """,
    "CREATE INDEX audit_events_reporter ON audit_events (reporter, timestamp, event_id)",
    """
    CREATE INDEX audit_events_target ON audit_events (target_node, timestamp, event_id)
    WHERE direction = 'egress' AND target_node <> ''
    """,
    """
    CREATE INDEX audit_events_denied ON audit_events (decision, timestamp, event_id)
    WHERE decision <> 'allowed'
    """,
    """
    CREATE INDEX audit_events_type ON audit_events (event_type, timestamp, event_id)
    WHERE event_type <> 'cross_org_request'
    """,
    """
    CREATE INDEX audit_events_capability ON audit_events (capability, timestamp, event_id)
    WHERE capability <> ''
    """,
    """
    CREATE TABLE audit_reconciliations (
        id text COLLATE "C" PRIMARY KEY,
        organisation text COLLATE "C" NOT NULL,
        started_at timestamptz NOT NULL,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        actor text NOT NULL,
        agrees boolean NOT NULL,
        error text NOT NULL,
        body jsonb NOT NULL,
        differences jsonb NOT NULL
    )
    """,
    "CREATE INDEX audit_reconciliations_time ON audit_reconciliations (started_at, id)",
    "CREATE INDEX audit_reconciliations_partner ON audit_reconciliations (organisation, started_at, id)",
    # Each difference once, however often it is reported, until it is settled.
    """
    CREATE TABLE audit_differences (
        organisation text COLLATE "C" NOT NULL,
        correlation_id text COLLATE "C" NOT NULL,
        found_at timestamptz NOT NULL,
        settled_at timestamptz,
        body jsonb NOT NULL,
        PRIMARY KEY (organisation, correlation_id)
    )
    """,
    """
    CREATE INDEX audit_differences_open ON audit_differences (organisation, found_at)
    WHERE settled_at IS NULL
    """,
)


def upgrade() -> None:
    """Make the tables and indexes."""
    for statement in UPGRADE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse: what partners did not agree on would be forgotten."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
