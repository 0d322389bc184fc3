"""``proxenia``: the root of all commands.

Only click and the standard library are imported here, and of the commands the one that is asked for: a
question costs no more than its answer.
"""

import os
from pathlib import Path

import click

from control_plane import __version__
from control_plane.cli.options import Place, output_option, show
from control_plane.cli.root import Root

# Where each command is, as the module of this package and its name there.
COMMANDS = {
    "up": "processes:up",
    "serve": "processes:serve",
    "gateway": "processes:gateway",
    "demo": "processes:demo",
    "status": "status:status",
    "check": "check:check",
    "explain": "explain:explain",
    "authorize": "explain:authorize",
    "invoke": "invoke:invoke",
    "invite": "peering:invite",
    "join": "peering:join",
    "partner": "peering:partner",
    "apply": "apply:apply",
    "validate": "validate:validate",
    "discover": "discovery:discover",
    "node": "nodes:node",
    "circuit": "circuits:circuit",
    "resource": "resources:resource",
    "group": "groups:group",
    "grant": "grants:grant",
    "agreement": "agreements:agreement",
    "bundle": "bundles:bundle",
    "trust": "trust:trust",
    "cert": "certificates:cert",
    "audit": "audit:audit",
    "tail": "tail:tail",
    "diff": "diff:diff",
    "history": "history:history",
    "rollback": "history:rollback",
    "dashboard": "dashboard:dashboard",
    "token": "tokens:token",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "bugreport": "bugreport:bugreport",
    "completion": "completion:completion",
    "version": "main:version",
}


@click.group(
    cls=Root,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
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
    help="The admin API: a socket, http://127.0.0.1:<port> or https://.",
)
@click.pass_context
def main(context: click.Context, state_dir: Path | None, admin: str) -> None:
    """Proxenia: a federation gateway.

    Environment: PROXENIA_STATE_DIR, PROXENIA_ADMIN, PROXENIA_TOKEN (for the API over TCP), NO_COLOR; with https://
    also PROXENIA_CA_FILE, PROXENIA_CERTIFICATE_FILE and PROXENIA_KEY_FILE.

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
