"""The audit in use, put together: comparing it with partners."""

from control_plane.admin.dependencies import AuditParts
from control_plane.app.settings import Settings
from control_plane.app.source_settings import words
from control_plane.peering.answering import Privacy
from control_plane.peering.assemble import Peering
from control_plane.peering.auditing import AuditStores, Schedule
from control_plane.store.database import Database


def stores_of(database: Database) -> AuditStores:
    """What of the database is compared, and where the reports go."""
    return AuditStores(database.crossings, database.reconciliations, database.heads, database.own_heads)


def schedule_of(settings: Settings) -> Schedule:
    """What the operator decided about it."""
    privacy = Privacy(
        home=frozenset(words(settings.reconcile_home)), without=frozenset(words(settings.reconcile_without))
    )
    return Schedule(reconcile=settings.reconcile_seconds, heads=settings.audit_heads_seconds, privacy=privacy)


def parts_of(peering: Peering) -> AuditParts | None:
    """What the admin API uses of it."""
    auditing = peering.auditing
    if auditing is None:
        return None
    return AuditParts(
        reconciling=auditing.reconciler,
        reports=auditing.reconciler.reports,
        offering=auditing.offering,
        heads=auditing.offering.kept,
    )
