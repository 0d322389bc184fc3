"""``proxenia validate``: a declared file, looked at without any control plane."""

from typing import IO, Any

import click

from control_plane.cli.faults import Exit
from control_plane.cli.options import output_option, show
from control_plane.cli.text import clean, coloured


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--own", default="", help="Our trust domain: what is ours and what is not is looked at, too.")
@output_option
@click.pass_context
def validate(context: click.Context, file: IO[bytes], own: str, output: str) -> None:
    """Say what is wrong with the nodes, resources and grants that FILE declares; nothing needs to run.

    What depends on other objects is left to `proxenia apply --dry-run`. Ends with 1 when something is wrong.
    """
    from control_plane.app import declared_file  # noqa: PLC0415 - heavy

    document = declared_file.judged(file, own=own)
    show(document, output, lambda: _text(document), names=lambda: [one["code"] for one in document["faults"]])
    context.exit(Exit.FINE if document["verdict"] == "valid" else Exit.PROBLEM)


def _text(document: dict[str, Any]) -> str:
    good = document["verdict"] == "valid"
    word = coloured(document["verdict"], "green" if good else "red")
    counts = ", ".join(f"{number} {kind}" for kind, number in document["objects"].items())
    lines = [f"{word}: {clean(document['file'])}: {counts or 'nothing can be read'}"]
    for fault in document["faults"]:
        where = f"line {fault['line']}: " if fault["line"] else ""
        lines.append(clean(f"{where}{fault['path'] or '/'}: {fault['detail']} ({fault['code']})"))
    return "\n".join(lines)
