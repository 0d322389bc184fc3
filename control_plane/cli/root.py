"""A group whose commands are imported when they are asked for."""

from importlib import import_module
from typing import Any

import click

from control_plane.cli.faults import Exit

_PACKAGE = "control_plane.cli"


class Root(click.Group):
    """All commands, each in its place (``module:name``); Ctrl-C ends each as shells expect."""

    def __init__(self, *args: Any, places: dict[str, str] | None = None, **attributes: Any) -> None:  # noqa: ANN401 - click's own signature
        super().__init__(*args, **attributes)
        self._places = places or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name."""
        return sorted({*super().list_commands(ctx), *self._places})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        known = super().get_command(ctx, cmd_name)
        if known is not None or cmd_name not in self._places:
            return known
        module, _, name = self._places[cmd_name].partition(":")
        command = getattr(import_module(f"{_PACKAGE}.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 - what the table says
        self.add_command(command, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("proxenia: interrupted", err=True)
            ctx.exit(Exit.INTERRUPTED)
