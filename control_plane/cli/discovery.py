"""``proxenia discover``: have the sources look now, and see what they see."""

import time
from typing import Any

import click

from control_plane.cli.api import Api, Document, path_of
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean, shown, table

_EVERY = 1.0  # seconds between looks at the list while watching


@click.command()
@click.option("--source", "sources", multiple=True, help="Only this source or kind, repeatable.")
@click.option("--timeout", type=click.FloatRange(0, 10), default=3.0, show_default=True, help="Seconds.")
@click.option("--max", "maximum", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--sources", "fare", is_flag=True, help="How the sources fare, instead of what they see.")
@click.option("--watch", is_flag=True, help="Go on, and say what changes, until Ctrl-C.")
@output_option
@pass_place
def discover(place: Place, /, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Have the sources of discovery look now; the nodes that they see."""
    api = place.api()
    if given["fare"]:
        fares = api.get(path_of("federation", "sources"))
        show(fares, output, lambda: _fares(fares))
        return
    look = {name: given[name] for name in ("timeout", "maximum")} | {"sources": list(given["sources"])}
    found = api.send("POST", path_of("federation", "discover"), look)
    show(found, output, lambda: _nodes(found["items"]))
    _warn(found)
    if given["watch"]:
        _watch(api, found["items"], maximum=given["maximum"])


def _nodes(items: list[Document]) -> str:
    rows = [
        [
            f"{item['node_id']}@{item['organisation']}",
            shown(item["endpoints"]),
            item["status"],
            shown(item["sources"]),
            item["trust_level"],
            item["problem"]["code"] if item["problem"] else "yes",
        ]
        for item in items
    ]
    return table(["NODE", "ENDPOINTS", "STATUS", "SOURCES", "TRUST", "ADMITTED"], rows)


def _fares(document: Document) -> str:
    rows = [
        [
            item["name"],
            item["state"],
            "-" if item["age_seconds"] is None else f"{item['age_seconds']:.0f} s",
            item["nodes"],
            sum(item["refused_by_code"].values()),
            item["left_out"],
            item["reason"],
        ]
        for item in document["items"]
    ]
    lines = [table(["SOURCE", "STATE", "AGE", "NODES", "REFUSED", "LEFT OUT", "WHY"], rows)]
    for item in document["items"]:
        lines += [
            f"refused ({one['code']}): {shown(one['subject'])}: {one['detail']}" for one in item["refused"]
        ]
    lines += [f"conflict: {one['subject']}: {one['detail']}" for one in document["conflicts"]]
    return "\n".join([lines[0], *map(clean, lines[1:])])


def _warn(found: Document) -> None:
    more = found["total"] - len(found["items"])
    if more > 0:
        click.echo(f"proxenia: {more} more are seen; raise --max", err=True)
    for name in found["waiting"]:
        click.echo(f"proxenia: {name} has not answered yet", err=True)
    for source in found["sources"]:
        if source["state"] == "lost":
            click.echo(f"proxenia: {source['name']} cannot see: {source['reason']}", err=True)


def _watch(api: Api, items: list[Document], *, maximum: int) -> None:
    before = {item["id"]: item for item in items}
    while True:
        time.sleep(_EVERY)
        listed = api.pages(path_of("federation", "nodes"), {}, limit=maximum)["items"]
        now = {item["id"]: item for item in listed if item["discovered_at"]}
        for key in before.keys() | now.keys():
            line = _difference(before.get(key), now.get(key))
            if line:
                click.echo(line)
        before = now


def _difference(old: Document | None, new: Document | None) -> str:
    """What happened to a node, in a line; empty when nothing did."""
    if old is None or new is None:
        item, word = (new, "appeared") if new else (old, "gone")
        assert item is not None  # noqa: S101 - one of the two is there
        return f"{_name(item)} {word}: {shown(item['endpoints'])} by {shown(item['sources'])}"
    for field in ("endpoints", "status", "sources", "trust_level"):
        if old[field] != new[field]:
            return f"{_name(new)} changed: {field} {shown(old[field])} -> {shown(new[field])}"
    return ""


def _name(item: Document) -> str:
    return f"{item['node_id']}@{item['organisation']}"
