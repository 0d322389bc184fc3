"""``proxenia node``: nodes of partners."""

from typing import IO, Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table, node_name
from control_plane.cli.parse import Named, endpoint, label, named, read_input
from control_plane.cli.text import fields
from control_plane.kit.counted import many

_NODES = ("federation", "nodes")


@click.group()
def node() -> None:
    """Nodes of partners."""


@node.command("list")
@click.option("--organisation", help="Only this partner's.")
@limit_option
@output_option
@pass_place
def list_nodes(place: Place, organisation: str | None, limit: int, output: str) -> None:
    """List nodes."""
    document = place.api().pages(path_of(*_NODES), {"organisation": organisation}, limit=limit)
    show_list(document, output, _TABLE)


_TABLE = Table(
    (
        Column("NODE", node_name),
        Column("ENDPOINTS", "endpoints"),
        Column("ENABLED", "enabled"),
        Column("TRUST", "trust_level"),
        Column("STATUS", "status"),
        Column("SPIFFE ID", "spiffe_id", wide=True),
        Column("SOURCES", "sources", wide=True),
        Column("SEEN", "last_seen", wide=True),
        Column("AN HOUR", "rate_limit_per_hour", wide=True),
        Column("METADATA", "metadata", wide=True),
        Column("ADMITTED", lambda item: item["problem"]["code"] if item["problem"] else "yes"),
    ),
    name=node_name,
)


@node.command("show")
@click.argument("key")
@output_option
@pass_place
def show_node(place: Place, key: str, output: str) -> None:
    """Show one node (node_id@organisation, or its UUID)."""
    document = place.api().get(path_of(*_NODES, key))
    show(document, output, lambda: fields(document))


@node.command("add")
@click.argument("key", type=named)
@click.option(
    "--endpoint", "endpoints", type=endpoint, multiple=True, required=True, help="host:port, repeatable."
)
@click.option("--spiffe-id", help="Its identity.  [default: spiffe://<organisation>/gateway/<node_id>]")
@click.option("--name", default="", help="A name for people.")
@click.option("--label", "labels", type=label, multiple=True, help="name=value, repeatable.")
@click.option("--rate-limit", type=int, help="Requests an hour.")
@output_option
@pass_place
def add_node(place: Place, /, key: Named, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Add a node (KEY is node_id@organisation)."""
    document = {
        "node_id": key.name,
        "organisation": key.organisation,
        "spiffe_id": given["spiffe_id"] or f"spiffe://{key.organisation}/gateway/{key.name}",
        "endpoints": list(given["endpoints"]),
        "name": given["name"],
        "metadata": dict(given["labels"]),
    }
    if given["rate_limit"] is not None:
        document["rate_limit_per_hour"] = given["rate_limit"]
    added = place.api().send("POST", path_of(*_NODES), document)
    show(added, output, lambda: f"node {key} added")


@node.command("edit")
@click.argument("key")
@click.option(
    "--endpoint", "endpoints", type=endpoint, multiple=True, help="host:port, repeatable; replaces all."
)
@click.option("--spiffe-id", help="Its identity.")
@click.option("--name", help="A name for people.")
@click.option("--label", "labels", type=label, multiple=True, help="name=value, repeatable; replaces all.")
@click.option("--rate-limit", type=int, help="Requests an hour.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it may get traffic.")
@output_option
@pass_place
def edit_node(place: Place, /, key: str, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Change some fields of a node."""
    changes = {
        "endpoints": list(given["endpoints"]) or None,
        "spiffe_id": given["spiffe_id"],
        "name": given["name"],
        "metadata": dict(given["labels"]) or None,
        "rate_limit_per_hour": given["rate_limit"],
        "enabled": given["enabled"],
    }
    document = {field: value for field, value in changes.items() if value is not None}
    if not document:
        raise click.UsageError("expected something to change, got none of the options")
    edited = place.api().send("PATCH", path_of(*_NODES, key), document)
    show(edited, output, lambda: f"node {key} changed")


@node.command("remove")
@click.argument("key")
@output_option
@pass_place
def remove_node(place: Place, key: str, output: str) -> None:
    """Remove a node that no resource names."""
    place.api().send("DELETE", path_of(*_NODES, key))
    show({"removed": key}, output, lambda: f"node {key} removed")


def _verb(name: str, summary: str, done: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("key")
    @click.option("--reason", default="", help="Why, for whoever reads it later.")
    @output_option
    @pass_place
    def change(place: Place, key: str, reason: str, output: str) -> None:
        answer = place.api().send("POST", path_of(*_NODES, key, name), {"reason": reason})
        show(answer, output, lambda: f"node {key} {done}")

    return change


node.add_command(_verb("revoke", "Deny a node for good, and cut its connections.", "is revoked"))
node.add_command(_verb("drain", "Send nothing new to a node; what runs is finished.", "is drained"))
node.add_command(_verb("undrain", "Send to a drained node again.", "takes part again"))
node.add_command(_verb("reinstate", "Let a revoked node take part again.", "takes part again"))


@node.command("import")
@click.argument("file", type=click.File("rb"))
@output_option
@pass_place
def import_nodes(place: Place, file: IO[bytes], output: str) -> None:
    """Add or overwrite nodes from FILE (- for standard input): one JSON object a line, all or none."""
    loaded = place.api().send_lines(path_of(*_NODES), read_input(file))
    show(loaded, output, lambda: f"{many(loaded['lines'], 'node')} loaded")
