"""``proxenia audit verify``: whether the audit is still what it was."""

import sys
from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import JSON, Place, output_option, pass_place, show
from control_plane.cli.parse import time


@click.command()
@click.option("--from", "since", type=time, help="From that day on: a time, or so long ago, such as 7d.")
@click.option("--to", "until", type=time, help="Up to then: a time, or so long ago.")
@output_option
@pass_place
def verify(place: Place, /, since: str | None, until: str | None, output: str) -> None:
    """Verify every row, the chain and the heads; the first thing that is not as it was is named."""
    answers: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        query = {"since": since, "until": until, "after": after or None}
        answers.append(place.api().get(path_of("audit", "verify"), query))
        after = answers[-1]["next"]
        if output != JSON and sys.stderr.isatty():
            click.echo(f"\r{_progress(answers)}", nl=after is None, err=True)
    document = _sum(answers)
    show(document, output, lambda: _text(document))
    if document["bad"] is not None:
        raise Fault(
            f"the audit is not what it was: {document['bad']['detail']} ({document['bad']['code']})",
            "keep the database as it is, and compare with a backup and with your partners' heads",
            exit_code=Exit.PROBLEM,
        )


def _sum(answers: list[dict[str, Any]]) -> dict[str, Any]:
    last = answers[-1]
    return {**last, "first": answers[0]["first"], "gone": sum(answer["gone"] for answer in answers)}


def _progress(answers: list[dict[str, Any]]) -> str:
    last = answers[-1]
    return f"{last['verified']:,} of {last['total']:,} rows"


def _text(document: dict[str, Any]) -> str:
    if document["bad"] is not None:
        row = document["bad"]["row"]
        where = "" if row is None else f" row {row}"
        event = f" (event {document['bad']['event_id']})" if document["bad"]["event_id"] else ""
        return f"BAD{where}{event}: {document['bad']['detail']}"
    parts = [f"good: rows {document['first']:,} to {document['verified']:,} of {document['total']:,}"]
    if document["gone"]:
        parts.append(f"{document['gone']:,} of them taken by retention")
    if document["unsealed"]:
        parts.append(f"{document['unsealed']:,} rows more wait to be sealed")
    parts.append(f"compared with {document['compared']:,} heads kept outside the database")
    return "; ".join(parts)
