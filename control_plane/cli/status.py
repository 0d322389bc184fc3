"""``proxenia status``: the verdict first, then the deliveries, then what is wrong."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.gateways import matrix, refusals
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean, coloured

_COLOURS = {"ok": "green", "starting": "yellow", "problem": "red"}


@click.command()
@output_option
@pass_place
@click.pass_context
def status(context: click.Context, place: Place, output: str) -> None:
    """Say how this organisation is."""
    document = place.api().get(path_of("status"))
    show(document, output, lambda: _text(document))
    context.exit(Exit.FINE if document["verdict"] == "ok" else Exit.PROBLEM)


def _text(document: dict[str, Any]) -> str:
    word = coloured(document["verdict"], _COLOURS.get(document["verdict"], "red"))
    parts = [f"{word}: {clean(document['organisation'])}: {clean(document['summary'])}"]
    if document["gateways"]:
        parts += ["", matrix(document["gateways"])]
    wrong = [*refusals(document["gateways"]), *(_problem(problem) for problem in document["problems"])]
    more = document["problems_total"] - len(document["problems"])
    if more > 0:
        wrong.append(f"and {more} more problems")
    return "\n".join([*parts, *([""] if wrong else []), *wrong])


def _problem(problem: dict[str, str]) -> str:
    hint = f"; {problem['hint']}" if problem["hint"] else ""
    return clean(f"{problem['subject']}: {problem['detail']} ({problem['code']}){hint}")
