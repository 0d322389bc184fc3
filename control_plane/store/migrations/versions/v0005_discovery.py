"""How the sources of discovery fare; what they said are objects."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE discovery_sources (
    name text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    seen_at timestamptz,
    lost_since timestamptz,
    looked_at timestamptz,
    asked_at timestamptz,
    reason text NOT NULL DEFAULT '',
    nodes bigint NOT NULL DEFAULT 0,
    left_out bigint NOT NULL DEFAULT 0,
    refused_by_code jsonb NOT NULL DEFAULT '{}',
    refused jsonb NOT NULL DEFAULT '[]'
)
"""


def upgrade() -> None:
    """Make the table."""
    op.get_bind().exec_driver_sql(UPGRADE)


def downgrade() -> None:
    """Refuse: objects would be of a kind that an older version does not know."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
