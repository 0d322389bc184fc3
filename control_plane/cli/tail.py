"""``proxenia tail``: what happens, as it happens: the audit, events, or what gateways do with deliveries."""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from control_plane.cli.api import Api, path_of
from control_plane.cli.audit_export import tail as audit
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import Place, output_option, pass_place
from control_plane.cli.output import show_event
from control_plane.cli.text import clean, shown

_EVERY = 0.5  # seconds between two looks at deliveries
_AGAIN = 2.0  # seconds until a broken stream is asked for again
_TRIES = 15  # of these in a row
_COUNTED = ("acknowledged", "in_flight", "wanted", "revision", "refused")

Document = dict[str, Any]

count_option = click.option("--count", type=click.IntRange(1), help="End after so many.")


@click.group()
def tail() -> None:
    """Follow what happens; Ctrl-C ends it."""


tail.add_command(audit, "audit")


@tail.command()
@click.option("--kind", default="", help="Of change, audit, circuit, health; several with commas.")
@click.option("--object", "objects", default="", help="Changes of these kinds only: node, grant, …")
@click.option("--after", default="", help="Go on after the event of this id.")
@count_option
@output_option
@pass_place
def events(place: Place, /, count: int | None, output: str, **given: str) -> None:
    """Changes of objects, rows of the audit, circuits, and how this organisation is."""
    query = {"kind": given["kind"] or None, "object": given["objects"] or None}
    for number, event in enumerate(_followed(place.api(), query, given["after"]), 1):
        document = {**event, "data": json.loads(event["data"])}
        show_event(document, output, partial(_line, document), name=event["id"] or event["event"])
        if number == count:
            return


def _followed(api: Api, query: Document, after: str) -> Iterator[Document]:
    """Events, across a restart of the control plane: each once, none left out."""
    failed = 0
    while True:
        try:
            for event in api.events(path_of("events"), {**query, "after": after or None}):
                failed, after = 0, event["id"] or after
                if event["data"]:
                    yield event
        except Fault as fault:
            failed += 1
            if fault.exit_code != Exit.UNREACHABLE or failed >= _TRIES or not after:
                raise
            click.echo(f"proxenia: {clean(fault.message)}; asking again", err=True)
            time.sleep(_AGAIN)


def _line(event: Document) -> str:
    said = {name: value for name, value in event["data"].items() if value not in (None, "", [], {})}
    return clean(f"{_now()}  {event['event']:8}  " + "  ".join(f"{n}={shown(v)}" for n, v in said.items()))


@tail.command()
@click.option("--gateway", help="Only this gateway.")
@count_option
@output_option
@pass_place
def xds(place: Place, /, gateway: str | None, count: int | None, output: str) -> None:
    """What each gateway acknowledges or refuses, type by type: first how it is, then what changes."""
    api, told, seen = place.api(), dict[tuple[str, str], Document](), 0
    while True:
        for found in _deliveries(api, gateway):
            place_of = (found["gateway"], found["type"])
            if told.get(place_of) == found:
                continue
            told[place_of] = found
            show_event(found, output, partial(_delivery, found), name="/".join(place_of))
            seen += 1
            if seen == count:
                return
        sys.stdout.flush()
        time.sleep(_EVERY)


def _deliveries(api: Api, gateway: str | None) -> Iterator[Document]:
    for state in api.get(path_of("status"))["gateways"]:
        if gateway in (None, state["gateway"]):
            if not state["deliveries"]:
                yield {"gateway": state["gateway"], "type": "-", "connected": state["connected"]}
            for one in state["deliveries"]:
                counted = {name: one[name] for name in _COUNTED}
                yield {
                    "gateway": state["gateway"],
                    "type": one["type"],
                    "connected": state["connected"],
                    **counted,
                }


def _delivery(found: Document) -> str:
    if "wanted" not in found or not found["connected"]:
        return clean(
            f"{_now()}  {found['gateway']}  {'connected' if found['connected'] else 'not connected'}"
        )
    parts = [f"acknowledged {found['acknowledged']}/{found['wanted']}", f"revision {found['revision']}"]
    if found["in_flight"]:
        parts.append(f"{found['in_flight']} in flight")
    parts += [f"REFUSED {one['name']}: {one['detail']}" for one in found["refused"]]
    return clean(f"{_now()}  {found['gateway']}  {found['type']:10}  {', '.join(parts)}")


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M:%S}"
