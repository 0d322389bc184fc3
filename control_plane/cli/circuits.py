"""``proxenia circuit``: whether our gateways send to partners' nodes, and why not."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.text import clean, fields

_NODES = ("federation", "nodes")


@click.group()
def circuit() -> None:
    """Circuits to partners' nodes."""


@circuit.command("list")
@limit_option
@output_option
@pass_place
def list_circuits(place: Place, limit: int, output: str) -> None:
    """List circuits that are open or half open."""
    document = place.api().pages(path_of("federation", "circuits"), {}, limit=limit)
    show_list(document, output, _TABLE)


_TABLE = Table(
    (
        Column("NODE", "node"),
        Column("GATEWAY", "gateway"),
        Column("RESOURCE", "resource"),
        Column("STATE", "state"),
        Column("REASON", "reason"),
        Column("SINCE", "since"),
        Column("UNTIL", "until"),
    ),
    name="node",
)


@circuit.command("show")
@click.argument("key")
@output_option
@pass_place
def show_circuit(place: Place, key: str, output: str) -> None:
    """Show the circuits to one node (node_id@organisation)."""
    document = place.api().get(path_of(*_NODES, key, "circuit"))
    show(document, output, lambda: _one(document))


def _one(document: dict[str, Any]) -> str:
    facts = fields({name: value for name, value in document.items() if name != "gateways"})
    return f"{facts}\n\n{_TABLE.text(document['gateways'])}" if document["gateways"] else facts


@circuit.command("lint")
@output_option
@pass_place
@click.pass_context
def lint(context: click.Context, place: Place, output: str) -> None:
    """Name settings with which circuits would not do what they are for."""
    faults = place.api().get(path_of("federation", "circuits"), {"limit": 1})["settings"]
    show({"settings": faults}, output, lambda: _faults(faults))
    context.exit(Exit.PROBLEM if faults else Exit.FINE)


def _faults(faults: list[dict[str, str]]) -> str:
    if not faults:
        return "every setting lets circuits do their work"
    return "\n".join(clean(f"{one['setting']}: {one['detail']}; set it to {one['hint']}") for one in faults)


def _verb(name: str, summary: str, done: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("key")
    @click.option("--reason", default="", help="Why, for whoever reads it later.")
    @output_option
    @pass_place
    def change(place: Place, key: str, reason: str, output: str) -> None:
        answer = place.api().send("POST", path_of(*_NODES, key, "circuit", name), {"reason": reason})
        show(answer, output, lambda: f"the circuit to {key} {done}")

    return change


circuit.add_command(_verb("open", "Open a node's circuit by hand, until it is reset.", "is open"))
circuit.add_command(_verb("reset", "Close a node's circuit now; its failures are forgotten.", "is reset"))
