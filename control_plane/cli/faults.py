"""Errors of commands: one line with the cause and the next step, and an exit code for scripts."""

from enum import IntEnum
from typing import IO, Any

import click

from control_plane.cli.text import clean


class Exit(IntEnum):
    """What a command ends with; click itself ends with 2 for bad usage."""

    FINE = 0
    PROBLEM = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_AUTHORISED = 4
    WAITED = 5
    INTERRUPTED = 130


class Fault(click.ClickException):
    """Ends the command. ``hint`` is the next step, ``code`` the API's."""

    def __init__(
        self, message: str, hint: str = "", *, exit_code: Exit = Exit.PROBLEM, code: str = ""
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for classes, and reads it of instances

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line to standard error."""
        hint = f"; {self.hint}" if self.hint else ""
        click.echo(f"proxenia: {clean(self.message + hint)}", file=file, err=True)
