"""``proxenia status``: the verdict first, then the deliveries, then what is wrong."""

import sys
import time
from functools import partial
from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.gateways import matrix, refusals
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.output import TABLE, WIDE, show_event
from control_plane.cli.text import clean, coloured

_COLOURS = {"ok": "green", "starting": "yellow", "problem": "red"}
_EVERY = 1.0  # seconds between two looks
_VOLATILE = {"at"}  # what changes although nothing happens


@click.command()
@click.option("-w", "--watch", is_flag=True, help="Go on, and show it whenever it changes, until Ctrl-C.")
@output_option
@pass_place
@click.pass_context
def status(context: click.Context, place: Place, *, watch: bool, output: str) -> None:
    """Say how this organisation is."""
    if watch:
        _watch(place, output)
    document = place.api().get(path_of("status"))
    show(document, output, lambda: _text(document))
    context.exit(Exit.FINE if document["verdict"] == "ok" else Exit.PROBLEM)


def _watch(place: Place, output: str) -> None:
    """Until Ctrl-C; on a terminal it stays in its place. A control plane that goes away is told, too."""
    told: object = None
    while True:
        try:
            document = place.api().get(path_of("status"))
        except Fault as fault:
            if told is None or fault.exit_code != Exit.UNREACHABLE:
                raise
            document = {"verdict": "unreachable", "summary": fault.message}
        facts = {name: value for name, value in document.items() if name not in _VOLATILE}
        if facts != told:
            told = facts
            if output in {TABLE, WIDE}:
                click.clear()
            name = document.get("organisation", "-")
            show_event(document, output, partial(_watched, document), name=f"{name} {document['verdict']}")
            sys.stdout.flush()
        time.sleep(_EVERY)


def _watched(document: dict[str, Any]) -> str:
    if "gateways" not in document:
        return f"{coloured(document['verdict'], 'red')}: {clean(document['summary'])}"
    return _text(document)


def _text(document: dict[str, Any]) -> str:
    word = coloured(document["verdict"], _COLOURS.get(document["verdict"], "red"))
    parts = [f"{word}: {clean(document['organisation'])}: {clean(document['summary'])}"]
    if document["gateways"]:
        parts += ["", matrix(document["gateways"])]
    wrong = [*refusals(document["gateways"]), *(_problem(problem) for problem in document["problems"])]
    more = document["problems_total"] - len(document["problems"])
    if more > 0:
        wrong.append(f"and {more} more problems")
    wrong += [f"warning: {_problem(warning)}" for warning in document["warnings"]]
    return "\n".join([*parts, *([""] if wrong else []), *wrong])


def _problem(problem: dict[str, str]) -> str:
    hint = f"; {problem['hint']}" if problem["hint"] else ""
    return clean(f"{problem['subject']}: {problem['detail']} ({problem['code']}){hint}")
