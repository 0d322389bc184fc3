"""The last heads are listed by organisation: the index that finds the last head of one begins with it."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index anew."""
    _remake("organisation, side, number")


def downgrade() -> None:
    """As it was: lists of heads are slower then."""
    _remake("side, organisation, number")


def _remake(columns: str) -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("DROP INDEX audit_witnessed_last")
    connection.exec_driver_sql(f"CREATE INDEX audit_witnessed_last ON audit_witnessed ({columns})")
