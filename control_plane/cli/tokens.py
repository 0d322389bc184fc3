"""``proxenia token``: who may use the API over TCP. Works on the state directory; nothing needs to run."""

import click

from control_plane.cli.faults import Fault
from control_plane.cli.options import Place, output_option, pass_place, show


@click.group()
def token() -> None:
    """Tokens for the admin API."""


@token.command("new")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator", "admin"]),
    default="viewer",
    show_default=True,
    help="Look, change, or everything.",
)
@output_option
@pass_place
def new(place: Place, name: str, role: str, output: str) -> None:
    """Make a token for NAME and print it: it is shown this once, and stored only as a hash."""
    from control_plane.admin.tokens import TOKEN_FILE, Role, TokenFileError, new_token  # noqa: PLC0415 - used here only

    path = place.state_dir / TOKEN_FILE
    try:
        made = new_token(path, name=name, role=Role(role))
    except TokenFileError as error:
        raise Fault(str(error)) from error
    except OSError as error:
        hint = "run this as the user that runs Proxenia, or name its --state-dir"
        raise Fault(f"cannot write {path}: {error.strerror}", hint) from error
    show({"name": name, "role": role, "token": made}, output, lambda: made)
