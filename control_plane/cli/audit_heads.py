"""``proxenia audit heads`` and ``accept-log``: how far audit logs are witnessed."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import table


@click.command()
@output_option
@pass_place
def heads(place: Place, /, output: str) -> None:
    """List what partners witnessed of our log, what we witnessed of theirs, and what was refused."""
    document = place.api().get(path_of("audit", "heads"))
    show(document, output, lambda: _text(document))


@click.command("accept-log")
@click.argument("organisation")
@pass_place
def accept_log(place: Place, /, organisation: str) -> None:
    """Believe ORGANISATION's audit log anew, when its operator has explained what changed."""
    place.api().send("POST", path_of("audit", "heads", organisation, "accept"), {})
    click.echo(f"the next head of {organisation} begins anew")


def _text(document: dict[str, Any]) -> str:
    rows = [
        [
            item["organisation"] if item["side"] == "theirs" else "ours",
            "us" if item["side"] == "theirs" else item["organisation"],
            item["size"],
            item["at"],
            item["log_id"],
        ]
        for item in document["items"]
    ]
    parts = [table(["LOG OF", "WITNESSED BY", "ROWS", "AT", "LOG"], rows)]
    if document["refused"]:
        refused = [
            [item["organisation"], item["code"], item["at"], item["detail"]] for item in document["refused"]
        ]
        parts += ["", table(["REFUSED", "WHY", "AT", "DETAIL"], refused)]
    return "\n".join(parts)
