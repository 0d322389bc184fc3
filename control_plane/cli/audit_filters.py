"""Which rows of the audit: the options that its commands share."""

from collections.abc import Callable
from typing import Any

import click

from control_plane.cli.parse import time

_WHAT = (
    click.option("--correlation-id", help="Rows of one request or one change."),
    click.option("--principal", help="Who."),
    click.option("--organisation", help="Which other organisation: whom we called, or who called us."),
    click.option("--resource", help="Which resource or object."),
    click.option("--capability", help="Which part of a resource."),
    click.option("--node", help="Which gateway of ours, or which partner's node that we called."),
    click.option("--reporter", help="Which gateway says so, or control-plane."),
    click.option("--decision", type=click.Choice(["allowed", "denied", "failed"])),
    click.option("--event-type", help="Such as cross_org_request or operator_action."),
)
_WHEN = (
    click.option("--since", type=time, help="A time, or so long ago: 15m, 2h, 1d."),
    click.option("--until", type=time, help="A time, or so long ago."),
)


def what(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which rows."""
    return _added(command, _WHAT)


def what_and_when(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and of which time."""
    return _added(command, _WHAT + _WHEN)


def _added(command: Callable[..., Any], options: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
