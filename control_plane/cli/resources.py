"""``proxenia resource``: partners' resources that we use, and our own that we offer."""

from typing import IO, Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import Named, endpoint, named, read_input
from control_plane.cli.text import fields
from control_plane.kit.counted import many

_RESOURCES = ("federation", "resources")


@click.group()
def resource() -> None:
    """Resources, ours and partners'."""


@resource.command("list")
@click.option("--organisation", help="Only this organisation's.")
@limit_option
@output_option
@pass_place
def list_resources(place: Place, organisation: str | None, limit: int, output: str) -> None:
    """List resources."""
    document = place.api().pages(path_of(*_RESOURCES), {"organisation": organisation}, limit=limit)
    show_list(document, output, _TABLE)


_TABLE = Table(
    (
        Column("RESOURCE", "id"),
        Column("KIND", "kind"),
        Column("HOST", "host"),
        Column("SERVED BY", lambda item: item["upstreams"] or item["nodes"] or "all nodes"),
        Column("PREFERRED", "preferred", wide=True),
        Column("TIME-OUT", "timeout_seconds", wide=True),
        Column("DESCRIPTION", "description", wide=True),
    )
)


_ROUTES = Table(
    (
        Column("RESOURCE", "id"),
        Column("WAY", "direction"),
        Column("HOST", "host"),
        Column("WORKS", "works"),
        Column("WHY NOT", "code"),
        Column("DETAIL", "detail", wide=True),
    )
)


@resource.command("routes")
@limit_option
@output_option
@pass_place
def list_routes(place: Place, limit: int, output: str) -> None:
    """List resources as traffic takes them, and what stops each (`proxenia explain` says more)."""
    show_list(place.api().pages(path_of("federation", "routes"), {}, limit=limit), output, _ROUTES)


@resource.command("show")
@click.argument("key")
@output_option
@pass_place
def show_resource(place: Place, key: str, output: str) -> None:
    """Show one resource (name@organisation)."""
    document = place.api().get(path_of(*_RESOURCES, key))
    show(document, output, lambda: fields(document))


@resource.command("add")
@click.argument("key", type=named)
@click.option("--kind", type=click.Choice(["http", "grpc", "mcp"]), default="http", show_default=True)
@click.option(
    "--node", "nodes", multiple=True, help="A partner's node that serves it, repeatable.  [default: all]"
)
@click.option(
    "--upstream", "upstreams", type=endpoint, multiple=True, help="host:port behind our ingress, repeatable."
)
@click.option("--prefer", "preferred", help="The node that is asked first.")
@click.option("--timeout", "timeout_seconds", type=float, help="Seconds until a whole answer is there.")
@click.option("--description", default="", help="For people.")
@output_option
@pass_place
def add_resource(place: Place, /, key: Named, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Add a resource (KEY is name@organisation): ours with --upstream, a partner's without."""
    document = {
        "name": key.name,
        "organisation": key.organisation,
        "kind": given["kind"],
        "nodes": list(given["nodes"]),
        "upstreams": list(given["upstreams"]),
        "description": given["description"],
    }
    document |= {name: given[name] for name in ("preferred", "timeout_seconds") if given[name] is not None}
    added = place.api().send("POST", path_of(*_RESOURCES), document)
    show(added, output, lambda: f"resource {key} added; applications call it as {added['host']}")


@resource.command("remove")
@click.argument("key")
@output_option
@pass_place
def remove_resource(place: Place, key: str, output: str) -> None:
    """Remove a resource that no grant names."""
    place.api().send("DELETE", path_of(*_RESOURCES, key))
    show({"removed": key}, output, lambda: f"resource {key} removed")


@resource.command("import")
@click.argument("file", type=click.File("rb"))
@output_option
@pass_place
def import_resources(place: Place, file: IO[bytes], output: str) -> None:
    """Add or overwrite resources from FILE (- for standard input): one JSON object a line, all or none."""
    loaded = place.api().send_lines(path_of(*_RESOURCES), read_input(file))
    show(loaded, output, lambda: f"{many(loaded['lines'], 'resource')} loaded")
