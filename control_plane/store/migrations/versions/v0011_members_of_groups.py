"""The partner of a request to a group is who was asked: the index on the partner finds those rows too."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# store/crossings.py has the same expression.
_ASKED = """(CASE WHEN direction <> 'egress' THEN principal_org
    WHEN strpos(target_node, '@') > 0 THEN split_part(target_node, '@', 2)
    ELSE split_part(resource, '@', 2) END)"""
_NAMED = "(CASE direction WHEN 'egress' THEN split_part(resource, '@', 2) ELSE principal_org END)"


def upgrade() -> None:
    """Make the index anew."""
    _remake(_ASKED)


def downgrade() -> None:
    """As it was: requests to groups are nobody's then."""
    _remake(_NAMED)


def _remake(partner: str) -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("DROP INDEX audit_events_partner")
    connection.exec_driver_sql(
        f"CREATE INDEX audit_events_partner ON audit_events ({partner}, timestamp, event_id)"
    )
