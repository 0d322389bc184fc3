"""``proxenia``: the root of all commands.

Only click and the standard library are imported here: a question costs no more than its answer.
"""

import os
from pathlib import Path
from typing import Any

import click

from control_plane import __version__
from control_plane.cli.agreements import agreement
from control_plane.cli.apply import apply
from control_plane.cli.audit import audit
from control_plane.cli.backup import backup, restore
from control_plane.cli.bugreport import bugreport
from control_plane.cli.bundles import bundle
from control_plane.cli.certificates import cert
from control_plane.cli.check import check
from control_plane.cli.circuits import circuit
from control_plane.cli.completion import completion
from control_plane.cli.dashboard import dashboard
from control_plane.cli.diff import diff
from control_plane.cli.discovery import discover
from control_plane.cli.explain import authorize, explain
from control_plane.cli.faults import Exit
from control_plane.cli.gateways import gateway
from control_plane.cli.grants import grant
from control_plane.cli.groups import group
from control_plane.cli.history import history, rollback
from control_plane.cli.issue import issue
from control_plane.cli.nodes import node
from control_plane.cli.options import Place, output_option, show
from control_plane.cli.peering import invite, join, partner
from control_plane.cli.processes import demo, serve, up
from control_plane.cli.resources import resource
from control_plane.cli.status import status
from control_plane.cli.tail import tail
from control_plane.cli.tokens import token
from control_plane.cli.validate import validate


class Root(click.Group):
    """All commands; Ctrl-C ends each with the code that shells use for it."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("proxenia: interrupted", err=True)
            ctx.exit(Exit.INTERRUPTED)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="PROXENIA_STATE_DIR",
    help="Where this organisation keeps its state.",
)
@click.option(
    "--admin",
    default="",
    envvar="PROXENIA_ADMIN",
    help="The admin API: a socket or http://127.0.0.1:<port>.",
)
@click.pass_context
def main(context: click.Context, state_dir: Path | None, admin: str) -> None:
    """Proxenia: a federation gateway.

    Environment: PROXENIA_STATE_DIR, PROXENIA_ADMIN, PROXENIA_TOKEN (for the API over TCP), NO_COLOR.

    Exit codes: 0 fine, 1 a problem was found or the request was refused, 2 usage, 3 unreachable,
    4 not authorised, 5 waited too long, 130 interrupted.
    """
    # Not an option: arguments are visible to every user of the machine.
    context.obj = Place(state_dir, admin, os.environ.get("PROXENIA_TOKEN", ""))
    if os.environ.get("NO_COLOR"):
        context.color = False


@click.command()
@output_option
def version(output: str) -> None:
    """Print the version."""
    show({"version": __version__}, output, lambda: f"proxenia {__version__}")


gateway.add_command(issue)
for _command in (
    *(up, serve, gateway, demo, status, check, explain, authorize),
    *(invite, join, partner),
    *(apply, discover, node, circuit, resource, group, grant, agreement),
    *(bundle, cert, audit, dashboard, token, version),
    *(diff, history, rollback, tail, validate, bugreport, completion),
    *(backup, restore),
):
    main.add_command(_command)
