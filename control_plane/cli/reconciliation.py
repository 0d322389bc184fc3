"""``proxenia audit reconcile`` and its reports: comparing our audit with partners'."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import click

from control_plane.cli.api import WITHIN, path_of
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import JSON, Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import time
from control_plane.cli.text import clean, shown, table

_LOOK = 0.5  # seconds between looks how far a comparison is
_COUNTS = ("matched", "only_ours", "only_theirs", "differing", "late")


@click.command()
@click.argument("organisation")
@click.option("--from", "since", type=time, help="A time, or so long ago: 15m, 2h, 1d. Default: an hour.")
@click.option("--to", "until", type=time, help="A time, or so long ago. Default: a minute ago.")
@output_option
@pass_place
@click.pass_context
def reconcile(context: click.Context, place: Place, /, organisation: str, output: str, **span: Any) -> None:  # noqa: ANN401 - click's options by name
    """Compare our audit with ORGANISATION's now; exit status 1 when they do not say the same."""
    body = {name: value for name, value in span.items() if value is not None}
    body["organisation"] = organisation
    with _progress(place, organisation, wanted=output != JSON and sys.stderr.isatty()):
        document = place.api().compare(path_of("audit", "reconciliations"), body)
    show(document, output, lambda: _report(document))
    context.exit(Exit.FINE if document["agrees"] else Exit.PROBLEM)


@contextmanager
def _progress(place: Place, organisation: str, *, wanted: bool) -> Iterator[None]:
    """Tell people on standard error how far it is, as long as it goes on."""
    if not wanted:
        yield
        return
    done = Event()
    teller = Thread(target=tell, args=(place, organisation, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join(WITHIN)


def tell(place: Place, organisation: str, done: Event) -> None:
    """Say how far the comparison with ``organisation`` is, on one line, until ``done``; then wipe it."""
    width = 0
    while not done.wait(_LOOK):
        try:
            found = place.api().get(path_of("audit", "reconciling"))["items"]
        except Fault:
            continue  # the comparison itself says what is wrong
        for one in found:
            if one["organisation"] == organisation:
                line = so_far(one)
                width = max(width, len(line))
                click.echo(f"\r{line:<{width}}", nl=False, err=True)
    if width:
        click.echo(f"\r{'':<{width}}\r", nl=False, err=True)


def so_far(one: dict[str, Any]) -> str:
    """How far a comparison is, on one line."""
    if one["stage"] == "naming":
        return f"looking up what differs: {one['named']:,} of {one['to_name']:,}"
    return f"{one['stage']}: {one['share']:.0%}, {one['ours']:,} rows of ours, {one['theirs']:,} of theirs"


@click.command()
@click.argument("organisation", required=False)
@click.option("--id", "report_id", help="One report, with the differing rows named.")
@limit_option
@output_option
@pass_place
def reconciliations(
    place: Place, /, organisation: str | None, report_id: str | None, limit: int, output: str
) -> None:
    """List the comparisons of our audit with partners', newest first; only ORGANISATION's if given."""
    if report_id:
        document = place.api().get(path_of("audit", "reconciliations", report_id))
        show(document, output, lambda: _report(document))
        return
    query = {"organisation": organisation}
    show_list(place.api().pages(path_of("audit", "reconciliations"), query, limit=limit), output, _REPORTS)


def _report(document: dict[str, Any]) -> str:
    word = _outcome(document)
    counts = ", ".join(f"{name.replace('_', ' ')} {document[name]}" for name in _COUNTS)
    lines = [
        f"{word}: {clean(document['organisation'])}, {document['since']} to {document['until']}",
        f"{counts}; ours {document['ours']}, theirs {document['theirs']}, {document['seconds']:.1f} s",
    ]
    if document["error"]:
        lines.append(clean(document["error"]))
    if not document["complete"]:
        lines.append("there are more differences than are named: compare a shorter time")
    rows = [
        [
            one["outcome"],
            one["timestamp"],
            one["correlation_id"],
            ", ".join(one["fields"]),
            shown(_values(one, "ours")),
            shown(_values(one, "theirs")),
        ]
        for one in document["differences"]
    ]
    if rows:
        headers = ["OUTCOME", "TIME", "CORRELATION ID", "FIELDS", "OURS", "THEIRS"]
        lines += ["", table(headers, rows)]
    return "\n".join(lines)


def _values(one: dict[str, Any], side: str) -> dict[str, Any]:
    """Of a row that differs only what differs; of one that the other side lacks, all of it."""
    names = one["fields"] or list(one[side])
    return {name: one[side][name] for name in names if name in one[side]}


def _outcome(item: dict[str, Any]) -> str:
    return "agree" if item["agrees"] else ("not compared" if item["error"] else "differ")


_REPORTS = Table(
    (
        Column("STARTED", "started_at"),
        Column("PARTNER", "organisation"),
        Column("AUDITS", _outcome),
        Column("TIME", lambda item: f"{item['since']} to {item['until']}"),
        *(Column(name.upper(), name) for name in _COUNTS),
        Column("ID", "id"),
    )
)
