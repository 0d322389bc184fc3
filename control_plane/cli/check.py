"""``proxenia check --trust``: certificates that must not work, offered to our running gateways."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean, coloured, table


@click.command()
@click.option("--trust", is_flag=True, required=True, help="That forged certificates are refused.")
@output_option
@pass_place
@click.pass_context
def check(context: click.Context, place: Place, *, trust: bool, output: str) -> None:
    """Try what is running; ends with 1 when something is not as it must be."""
    assert trust  # noqa: S101 - click demands the option: there is no other check yet
    document = place.api().try_out(path_of("federation", "check", "trust"))
    show(document, output, lambda: _text(document))
    context.exit(Exit.FINE if document["ok"] else Exit.PROBLEM)


def _text(document: dict[str, Any]) -> str:
    return "\n\n".join(_gateway(gateway) for gateway in document["gateways"])


def _gateway(gateway: dict[str, Any]) -> str:
    name, offered = clean(gateway["id"]), gateway["offered"]
    if not gateway["sound"]:
        word = coloured("nothing proven", "red")
        return f"{name}: {word}: a good certificate was not let in ({clean(gateway['control'])})"
    wrong = [one for one in offered if not one["refused"] and not one["limit"]]
    limits = [one for one in offered if not one["refused"] and one["limit"]]
    word = coloured("LET THROUGH", "red") if wrong else coloured("ok", "green")
    refused = len(offered) - len(wrong) - len(limits)
    head = f"{name}: {word}: {refused} of {len(offered)} forged certificates refused, a good one let in"
    rows = [[one["name"], _verdict(one), one["by"]] for one in offered]
    notes = sorted({one["limit"] for one in limits})
    return "\n".join([head, table(["CERTIFICATE", "REFUSED", "BY"], rows), *map(clean, notes)])


def _verdict(one: dict[str, Any]) -> str:
    if one["refused"]:
        return "yes"
    return "no (known limit)" if one["limit"] else "NO"
