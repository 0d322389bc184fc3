"""What partners witnessed of our audit log, and we of theirs. Rows are only ever added."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("audit_witnessed", "audit_head_evidence", "audit_head_accepted")
UPGRADE = (
    """
    CREATE TABLE audit_witnessed (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        side text COLLATE "C" NOT NULL CHECK (side IN ('ours', 'theirs')),
        organisation text COLLATE "C" NOT NULL,
        log_id text NOT NULL,
        size bigint NOT NULL,
        head text NOT NULL,
        countersigned text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX audit_witnessed_last ON audit_witnessed (side, organisation, number)",
    """
    CREATE TABLE audit_head_evidence (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organisation text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        code text NOT NULL,
        detail text NOT NULL,
        held text NOT NULL,
        offered text NOT NULL,
        proof text[] NOT NULL,
        at timestamptz NOT NULL,
        UNIQUE (organisation, name)
    )
    """,
    # From here on a partner's log is believed anew: what an operator decided, and up to which numbers.
    """
    CREATE TABLE audit_head_accepted (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organisation text COLLATE "C" NOT NULL,
        actor text NOT NULL,
        witnessed bigint NOT NULL,
        evidence bigint NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX audit_head_accepted_last ON audit_head_accepted (organisation, number)",
    *(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in TABLES
    ),
)


def upgrade() -> None:
    """Make the tables."""
    for statement in UPGRADE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse: what was witnessed would be forgotten."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
