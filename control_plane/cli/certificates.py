"""``proxenia cert``: what ends and when, and the change of our anchors."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.output import Column, Table
from control_plane.cli.text import clean, coloured, table

_COLOURS = {"ok": "green", "warning": "yellow", "critical": "red", "expired": "red"}
_MOST = 1000  # of what ends, the most urgent
_ROTATION = ("federation", "rotation")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@click.group()
def cert() -> None:
    """Certificates: what ends and when, and the change of our anchors."""


@cert.command("list")
@output_option
@pass_place
@click.pass_context
def list_certificates(context: click.Context, place: Place, output: str) -> None:
    """List everything that ends, the most urgent first, and what then breaks."""
    document = place.api().pages(path_of("federation", "expiry"), {}, limit=_MOST)
    show(document, output, lambda: _expiry(document), names=lambda: _ENDING.names(document["items"]))
    context.exit(Exit.FINE if document["verdict"] == "ok" else Exit.PROBLEM)


def _expiry(document: dict[str, Any]) -> str:
    word = coloured(document["verdict"], _COLOURS.get(document["verdict"], "red"))
    lines = [f"{word}: {clean(document['summary'])}"]
    if document["items"]:
        lines += ["", _ENDING.text(document["items"])]
    if (more := document["total"] - len(document["items"])) > 0:
        lines.append(f"and {more} more that end later")
    return "\n".join(lines)


def lasting(seconds: int) -> str:
    """A duration in the largest unit that says enough; negative: how long ago."""
    ago, seconds = (" ago" if seconds < 0 else ""), abs(seconds)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}{ago}"
    return f"{seconds} s{ago}"


_ENDING = Table(
    (
        Column("SEVERITY", "severity"),
        Column("LEFT", lambda item: lasting(item["seconds_left"])),
        Column("ENDS", "not_after"),
        Column("KIND", "kind"),
        Column("SUBJECT", "subject"),
        Column("ORGANISATION", "organisation"),
        Column("WHAT BREAKS", "breaks"),
    ),
    name="subject",
)


@cert.group()
def rotation() -> None:
    """The change of our anchors, step by step."""


@rotation.command("show")
@output_option
@pass_place
def show_rotation(place: Place, output: str) -> None:
    """Show how far it is, and what it waits for."""
    _show(place.api().get(path_of(*_ROTATION)), output)


@rotation.command("start")
@output_option
@pass_place
def start_rotation(place: Place, output: str) -> None:
    """Announce a new root beside the present one."""
    _show(place.api().send("POST", path_of(*_ROTATION), {}), output)


@rotation.command("abort")
@output_option
@pass_place
def abort_rotation(place: Place, output: str) -> None:
    """Return to the old root alone; possible until that one is removed."""
    _show(place.api().send("POST", path_of(*_ROTATION, "abort"), {}), output)


@rotation.command("confirm")
@click.argument("name", metavar="PARTNER")
@output_option
@pass_place
def confirm_rotation(place: Place, name: str, output: str) -> None:
    """Go on, at the present step, without waiting for PARTNER (or for "gateway ID")."""
    _show(place.api().send("POST", path_of(*_ROTATION, "confirm"), {"name": name}), output)


def _show(document: dict[str, Any], output: str) -> None:
    show(document, output, lambda: _rotation(document))


def _rotation(document: dict[str, Any]) -> str:
    if not document["phase"]:
        return f"{clean(document['summary'])}; our bundle is {document['sequence']}"
    lines = [
        f"{clean(document['phase'])}: {clean(document['summary'])}",
        f"started {document['started_at']} by {clean(document['started_by'])}",
        f"our bundle is {document['sequence']}, with {len(document['anchors'])} anchors",
    ]
    if document["waiting"]:
        rows = [[one["name"], one["reason"]] for one in document["waiting"]]
        lines += ["", table(["WAITS FOR", "BECAUSE"], rows)]
    return "\n".join(lines)
