"""``proxenia audit statistics``: the audit in numbers."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.parse import time
from control_plane.cli.text import table

_TOTALS = ("requests", "allowed", "denied", "limited", "failed", "handshakes_failed", "gaps", "bytes")


@click.command()
@click.option("--since", type=time, help="A time, or so long ago: 15m, 2h, 1d. Default: 24 hours.")
@click.option("--until", type=time, help="A time, or so long ago. Default: now.")
@output_option
@pass_place
def statistics(place: Place, /, output: str, **span: Any) -> None:  # noqa: ANN401 - click's options by name
    """Count requests, refusals, principals and how long it took."""
    document = place.api().get(path_of("audit", "statistics"), span)
    show(document, output, lambda: _text(document))


def _text(document: dict[str, Any]) -> str:
    latency = document["latency_ms"]
    totals = [[name.replace("_", " "), document[name]] for name in _TOTALS]
    totals += [
        [f"{name} ms", "" if latency[name] is None else f"{latency[name]:.1f}"]
        for name in ("p50", "p90", "p99", "longest")
    ]
    parts = [f"{document['since']} to {document['until']}", "", table(["WHAT", "NUMBER"], totals)]
    for title in ("principals", "organisations"):
        rows = [[one["name"], one["requests"], one["denied"], one["failed"]] for one in document[title]]
        if rows:
            parts += ["", table([title.upper(), "REQUESTS", "DENIED", "FAILED"], rows)]
    return "\n".join(parts)
