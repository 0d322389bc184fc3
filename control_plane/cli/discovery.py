"""``proxenia discover``: have the sources look now, and see what they see."""

import time
from functools import partial
from typing import Any

import click

from control_plane.cli.api import Api, Document, path_of
from control_plane.cli.options import Place, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table, node_name, show_event
from control_plane.cli.text import clean, shown

_SOURCES_MOST = 1000
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
        fares = api.pages(path_of("federation", "sources"), {}, limit=_SOURCES_MOST)
        show(fares, output, lambda: _fares(fares), names=lambda: _SOURCES.names(fares["items"]))
        return
    look = {name: given[name] for name in ("timeout", "maximum")} | {"sources": list(given["sources"])}
    found = api.send("POST", path_of("federation", "discover"), look)
    show_list(found, output, _NODES)
    _warn(found)
    if given["watch"]:
        _watch(api, found["items"], output, maximum=given["maximum"])


_NODES = Table(
    (
        Column("NODE", node_name),
        Column("ENDPOINTS", "endpoints"),
        Column("STATUS", "status"),
        Column("SOURCES", "sources"),
        Column("TRUST", "trust_level"),
        Column("SPIFFE ID", "spiffe_id", wide=True),
        Column("SEEN", "last_seen", wide=True),
        Column("ADMITTED", lambda item: item["problem"]["code"] if item["problem"] else "yes"),
    ),
    name=node_name,
)
_SOURCES = Table(
    (
        Column("SOURCE", "name"),
        Column("STATE", "state"),
        Column("AGE", lambda item: _age(item["age_seconds"])),
        Column("NODES", "nodes"),
        Column("REFUSED", lambda item: sum(item["refused_by_code"].values())),
        Column("LEFT OUT", "left_out"),
        Column("WHY", "reason"),
    ),
    name="name",
)


def _age(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"


def _fares(document: Document) -> str:
    lines = [_SOURCES.text(document["items"])]
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


def _watch(api: Api, items: list[Document], output: str, *, maximum: int) -> None:
    before = {item["id"]: item for item in items}
    while True:
        time.sleep(_EVERY)
        listed = api.pages(path_of("federation", "nodes"), {}, limit=maximum)["items"]
        now = {item["id"]: item for item in listed if item["discovered_at"]}
        for key in before.keys() | now.keys():
            node = now.get(key) or before[key]
            line = _difference(before.get(key), now.get(key))
            if line:
                show_event({"event": line, "node": node}, output, partial(str, line), name=node_name(node))
        before = now


def _difference(old: Document | None, new: Document | None) -> str:
    """What happened to a node, in a line; empty when nothing did."""
    if old is None or new is None:
        item, word = (new, "appeared") if new else (old, "gone")
        assert item is not None  # noqa: S101 - one of the two is there
        return f"{node_name(item)} {word}: {shown(item['endpoints'])} by {shown(item['sources'])}"
    for field in ("endpoints", "status", "sources", "trust_level"):
        if old[field] != new[field]:
            return f"{node_name(new)} changed: {field} {shown(old[field])} -> {shown(new[field])}"
    return ""
