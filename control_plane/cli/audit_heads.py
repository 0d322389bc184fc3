"""``proxenia audit heads`` and ``accept-log``: how far audit logs are witnessed."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show
from control_plane.cli.output import Column, Table, warn_of_more
from control_plane.cli.text import table

_HEADS = Table(
    (
        Column("LOG OF", lambda item: item["organisation"] if item["side"] == "theirs" else "ours"),
        Column("WITNESSED BY", lambda item: "us" if item["side"] == "theirs" else item["organisation"]),
        Column("ROWS", "size"),
        Column("AT", "at"),
        Column("LOG", "log_id"),
    ),
    name="organisation",
)


@click.command()
@limit_option
@output_option
@pass_place
def heads(place: Place, /, limit: int, output: str) -> None:
    """List what partners witnessed of our log, what we witnessed of theirs, and what was refused."""
    document = place.api().pages(path_of("audit", "heads"), {}, limit=limit)
    show(document, output, lambda: _text(document), names=lambda: _HEADS.names(document["items"]))
    warn_of_more(document)


@click.command("accept-log")
@click.argument("organisation")
@output_option
@pass_place
def accept_log(place: Place, /, organisation: str, output: str) -> None:
    """Believe ORGANISATION's audit log anew, when its operator has explained what changed."""
    place.api().send("POST", path_of("audit", "heads", organisation, "accept"), {})
    answer = {"organisation": organisation, "accepted": True}
    show(answer, output, lambda: f"the next head of {organisation} begins anew")


def _text(document: dict[str, Any]) -> str:
    parts = [_HEADS.text(document["items"])]
    if document["refused"]:
        refused = [
            [item["organisation"], item["code"], item["at"], item["detail"]] for item in document["refused"]
        ]
        parts += ["", table(["REFUSED", "WHY", "AT", "DETAIL"], refused)]
    return "\n".join(parts)
