"""What control planes of different organisations need to remember of each other."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UPGRADE = (
    # Neither a token nor its secret is here; ``digest`` and ``verifier`` are of no use to whoever reads them.
    """
    CREATE TABLE peering_invitations (
        id text COLLATE "C" PRIMARY KEY,
        organisation text COLLATE "C" NOT NULL,
        digest text NOT NULL,
        verifier text NOT NULL,
        actor text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX peering_invitations_organisation ON peering_invitations (organisation, expires_at)",
    """
    CREATE TABLE peering_challenges (
        nonce text COLLATE "C" PRIMARY KEY,
        invitation text COLLATE "C" NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX peering_challenges_invitation ON peering_challenges (invitation, expires_at)",
    # What was used, so that a second use is told from something that never was.
    """
    CREATE TABLE peering_spent (
        kind text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        organisation text COLLATE "C" NOT NULL,
        spent_at timestamptz NOT NULL,
        PRIMARY KEY (kind, id)
    )
    """,
    """
    CREATE TABLE peering_partners (
        organisation text COLLATE "C" PRIMARY KEY,
        addresses jsonb NOT NULL DEFAULT '[]',
        sent_sequence bigint NOT NULL DEFAULT 0,
        view_state text,
        view_paused boolean,
        view_since bigint,
        sent_at timestamptz,
        send_error text NOT NULL DEFAULT '',
        heard_sequence bigint NOT NULL DEFAULT -1,
        heard jsonb,
        heard_at timestamptz,
        CHECK ((heard IS NULL) = (heard_at IS NULL))
    )
    """,
    """
    CREATE TABLE peering_bundles (
        organisation text COLLATE "C" PRIMARY KEY,
        source jsonb NOT NULL,
        fetched_at timestamptz,
        due_at timestamptz NOT NULL,
        code text NOT NULL DEFAULT '',
        detail text NOT NULL DEFAULT '',
        failures integer NOT NULL DEFAULT 0,
        held text NOT NULL DEFAULT ''
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in UPGRADE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse: partners would have to join again."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
