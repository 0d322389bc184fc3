"""``proxenia audit``: what happened."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.audit_export import export, tail, verify_export
from control_plane.cli.audit_filters import what_and_when
from control_plane.cli.audit_heads import accept_log, heads
from control_plane.cli.audit_statistics import statistics
from control_plane.cli.options import Place, output_option, pass_place, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.reconciliation import reconcile, reconciliations
from control_plane.cli.verify import verify

_TABLE = Table(
    (
        Column("TIME", "timestamp"),
        Column("REPORTER", "reporter"),
        Column("EVENT", "event_type"),
        Column("WAY", "direction"),
        Column("PRINCIPAL", "principal"),
        Column("ACTION", "action"),
        Column("RESOURCE", "resource"),
        Column("STATUS", lambda item: item["status"] or ""),
        Column("DECISION", "decision"),
        Column("REASON", "reason"),
        Column("MS", "duration_ms", wide=True),
        Column("BYTES", "bytes", wide=True),
        Column("FROM", "source_node", wide=True),
        Column("TO", "target_node", wide=True),
        Column("POLICY", "policy_id", wide=True),
        Column("CORRELATION ID", "correlation_id"),
    ),
    name="event_id",
)


@click.group()
def audit() -> None:
    """The audit."""


audit.add_command(statistics)
audit.add_command(tail)
audit.add_command(export)
audit.add_command(verify_export)
audit.add_command(reconcile)
audit.add_command(heads)
audit.add_command(accept_log)
audit.add_command(reconciliations)
audit.add_command(verify)


@audit.command("list")
@what_and_when
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@output_option
@pass_place
def list_events(place: Place, /, limit: int, output: str, **filters: Any) -> None:  # noqa: ANN401 - click's options by name
    """List audit events, newest first."""
    show_list(place.api().pages(path_of("audit", "events"), filters, limit=limit), output, _TABLE)
