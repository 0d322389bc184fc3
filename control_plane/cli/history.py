"""``proxenia history`` and ``proxenia rollback``: what was changed, and back to what was."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.text import clean
from control_plane.kit.counted import many


@click.command()
@click.option("--before", type=click.IntRange(0), default=0, help="Only changes before this revision.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@output_option
@pass_place
def history(place: Place, before: int, limit: int, output: str) -> None:
    """What was changed, by whom, newest first."""
    document = place.api().get(path_of("federation", "history"), {"before": before, "limit": limit})
    show_list(document, output, _TABLE)


_TABLE = Table(
    (
        Column("REVISION", "revision"),
        Column("AT", lambda item: item["at"][:19]),
        Column("BY", "actor"),
        Column("OBJECTS", "objects"),
        Column("FIRST OF THEM", lambda item: item["named"][:3]),
    ),
    name="revision",
)


@click.command()
@click.argument("revision", type=click.IntRange(0))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@output_option
@pass_place
def rollback(place: Place, revision: int, *, dry_run: bool, output: str) -> None:
    """Make nodes, resources, groups and grants what they were at REVISION, as a new change.

    Trust does not go back: agreements, anchors and revocations stay as they are.
    """
    body = {"revision": revision, "dry_run": dry_run}
    document = place.api().send("POST", path_of("federation", "rollback"), body)
    show(document, output, lambda: _restored(document))


def _restored(document: dict[str, Any]) -> str:
    lines = [f"restored  {clean(name)}" for name in document["restored"]]
    lines += [f"removed   {clean(name)}" for name in document["removed"]]
    done = document["revision"]
    head = many(document["objects"], "object")
    first = f"{head}, as revision {done}" if done is not None else f"{head}, nothing was changed"
    return "\n".join([first, *lines])
