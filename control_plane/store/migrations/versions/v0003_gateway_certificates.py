"""What each of our gateways was last issued: for the watch over expiry, and for the change of anchors."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE gateway_certificates (
    gateway text COLLATE "C" PRIMARY KEY,
    serial text NOT NULL,
    not_before timestamptz NOT NULL,
    not_after timestamptz NOT NULL,
    signer text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""


def upgrade() -> None:
    """Make the table."""
    op.get_bind().exec_driver_sql(UPGRADE)


def downgrade() -> None:
    """Refuse: the certificates in use would be forgotten."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
