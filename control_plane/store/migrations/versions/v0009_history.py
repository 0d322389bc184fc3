"""The history by revision: its pages, and what came after one, without reading all of it."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.get_bind().exec_driver_sql("CREATE INDEX history_revision ON history (revision)")


def downgrade() -> None:
    """Drop it: pages are slower then."""
    op.get_bind().exec_driver_sql("DROP INDEX history_revision")
