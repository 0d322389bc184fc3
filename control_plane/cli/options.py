"""What all commands share: where the API is, and how to show what it answers."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from control_plane.cli.api import Api

F = TypeVar("F", bound=Callable[..., object])

TABLE = "table"
JSON = "json"

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice([TABLE, JSON]),
    default=TABLE,
    show_default=True,
    help="For people, or the API's document.",
)
limit_option = click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many at most."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where this organisation's control plane is. ``given`` is the state directory, when it was named."""

    given: Path | None
    admin: str
    token: str

    @property
    def state_dir(self) -> Path:
        """The state directory."""
        return self.given or default_state_dir()

    def api(self) -> Api:
        """The admin API."""
        return Api(self.admin or str(self.state_dir / "run" / "admin.sock"), self.token)


pass_place = click.make_pass_decorator(Place)


def default_state_dir() -> Path:
    """Where a deployment keeps its state unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/proxenia")
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "proxenia"


def show(document: Any, output: str, text: Callable[[], str]) -> None:  # noqa: ANN401 - whatever JSON holds
    """Write the document as it is, or as ``text`` for people."""
    click.echo(json.dumps(document, indent=2) if output == JSON else text())


def show_list(document: dict[str, Any], output: str, text: Callable[[list[Any]], str]) -> None:
    """Write a list; that there is more is told beside it, on standard error."""
    items = document["items"]
    show(document, output, lambda: text(items))
    if document["next"] is not None:
        click.echo(f"proxenia: these are the first {len(items)}, there are more; raise --limit", err=True)
