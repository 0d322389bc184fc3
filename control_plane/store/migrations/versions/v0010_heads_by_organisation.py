"""The last heads are listed by organisation: the index that finds the last head of one begins with it."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UPGRADE = (
    "DROP INDEX audit_witnessed_last",
    "CREATE INDEX audit_witnessed_last ON audit_witnessed (organisation, side, number)",
)


def upgrade() -> None:
    """Make the index anew."""
    for statement in UPGRADE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse, as the versions before this one do."""
    raise NotImplementedError("expected an upgrade, got a downgrade: restore a backup instead")
