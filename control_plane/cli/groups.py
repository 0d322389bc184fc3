"""``proxenia group``: the same service of several partners under one name of ours."""

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import Named, named
from control_plane.cli.text import fields

_GROUPS = ("federation", "groups")


@click.group()
def group() -> None:
    """Groups of partners that offer the same service."""


@group.command("list")
@limit_option
@output_option
@pass_place
def list_groups(place: Place, limit: int, output: str) -> None:
    """List groups."""
    show_list(place.api().pages(path_of(*_GROUPS), {}, limit=limit), output, _TABLE)


_TABLE = Table(
    (
        Column("GROUP", "id"),
        Column("HOST", "host"),
        Column("MODE", "mode"),
        Column("MEMBERS", "members"),
    )
)


@group.command("show")
@click.argument("key")
@output_option
@pass_place
def show_group(place: Place, key: str, output: str) -> None:
    """Show one group (name@organisation)."""
    document = place.api().get(path_of(*_GROUPS, key))
    show(document, output, lambda: fields(document))


@group.command("add")
@click.argument("key", type=named)
@click.argument("members", nargs=-1, required=True)
@click.option("--mode", type=click.Choice(["failover", "balance"]), default="failover", show_default=True)
@output_option
@pass_place
def add_group(place: Place, /, key: Named, members: tuple[str, ...], mode: str, output: str) -> None:
    """Add a group (KEY is name@our-organisation) of MEMBERS that each offer a resource of that name.

    With failover the first member is asked as long as its nodes are healthy, then the second, and so on; our
    own organisation may be one of them.
    """
    document = {"name": key.name, "organisation": key.organisation, "members": list(members), "mode": mode}
    added = place.api().send("POST", path_of(*_GROUPS), document)
    show(added, output, lambda: f"group {key} added; applications call it as {added['host']}")


@group.command("remove")
@click.argument("key")
@output_option
@pass_place
def remove_group(place: Place, key: str, output: str) -> None:
    """Remove a group; its members stay as they are."""
    place.api().send("DELETE", path_of(*_GROUPS, key))
    show({"removed": key}, output, lambda: f"group {key} removed")
