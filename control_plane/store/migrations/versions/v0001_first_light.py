"""Objects with their history, gateways, audit, checkpoints."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UPGRADE = (
    # The row that every change of objects locks first: so the order of commits is the order of revisions.
    """
    CREATE TABLE head (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        revision bigint NOT NULL
    )
    """,
    "INSERT INTO head (revision) VALUES (0)",
    # What exists, and tombstones (deleted, body NULL) for those who follow by revision.
    """
    CREATE TABLE objects (
        kind text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        organisation text COLLATE "C" NOT NULL,
        body jsonb,
        revision bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted boolean NOT NULL,
        PRIMARY KEY (kind, key),
        CHECK (deleted = (body IS NULL))
    )
    """,
    "CREATE INDEX objects_revision ON objects (revision)",
    "CREATE INDEX objects_organisation ON objects (kind, organisation, key) WHERE NOT deleted",
    """
    CREATE TABLE history (
        kind text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        revision bigint NOT NULL,
        body jsonb,
        actor text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (kind, key, revision)
    )
    """,
    """
    CREATE TABLE gateway_states (
        gateway text COLLATE "C" PRIMARY KEY,
        connected boolean NOT NULL,
        deliveries jsonb NOT NULL,
        replica text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE audit_events (
        event_id text COLLATE "C" NOT NULL,
        reporter text COLLATE "C" NOT NULL,
        row_id text COLLATE "C" NOT NULL,
        timestamp timestamptz NOT NULL,
        event_type text COLLATE "C" NOT NULL,
        direction text NOT NULL,
        correlation_id text COLLATE "C" NOT NULL,
        source_node text NOT NULL,
        target_node text NOT NULL,
        principal text COLLATE "C" NOT NULL,
        principal_org text COLLATE "C" NOT NULL,
        resource text COLLATE "C" NOT NULL,
        capability text NOT NULL,
        action text NOT NULL,
        decision text NOT NULL,
        reason text NOT NULL,
        policy_id text NOT NULL,
        status bigint,
        duration_ms double precision,
        bytes bigint,
        peer_serial text NOT NULL,
        peer_fingerprint text NOT NULL,
        metadata jsonb NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT audit_events_once UNIQUE (reporter, row_id, timestamp)
    ) PARTITION BY RANGE (timestamp)
    """,
    "CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT",
    "CREATE INDEX audit_events_timestamp ON audit_events (timestamp, event_id)",
    "CREATE INDEX audit_events_correlation ON audit_events (correlation_id, timestamp)",
    "CREATE INDEX audit_events_principal ON audit_events (principal, timestamp)",
    "CREATE INDEX audit_events_resource ON audit_events (resource, timestamp)",
    """
    CREATE TABLE checkpoints (
        gateway text COLLATE "C" NOT NULL,
        stream text COLLATE "C" NOT NULL,
        file text NOT NULL,
        log_offset bigint NOT NULL CHECK (log_offset >= 0),
        PRIMARY KEY (gateway, stream)
    )
    """,
    # Records are only ever added; old ones go with their whole partition.
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP;
    END
    $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in UPGRADE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse: going back to nothing would delete the audit."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
