"""``proxenia audit tail``, ``export`` and ``verify-export``: the audit for others, with its proof."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from control_plane.cli.api import Api, path_of
from control_plane.cli.audit_filters import what, what_and_when
from control_plane.cli.export_rows import READERS, WRITERS, flat
from control_plane.cli.faults import Fault
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.output import show_event
from control_plane.cli.text import clean

FORMATS = ("jsonl", *WRITERS)
MAX_PAGE = 500  # rows that one answer holds at most
PROOF = ".proof"  # what the file beside a table ends in


@click.command()
@click.option("--count", type=click.IntRange(1), help="End after so many rows.")
@output_option
@what
@pass_place
def tail(place: Place, /, count: int | None, output: str, **filters: Any) -> None:  # noqa: ANN401 - click's options by name
    """Follow the audit: each row as soon as it is sealed; Ctrl-C ends it."""
    api, after, seen = place.api(), -1, 0
    wanted = {name: value for name, value in filters.items() if value is not None}
    while True:
        limit = min(count - seen, MAX_PAGE) if count else MAX_PAGE
        news = api.wait(path_of("audit", "tail"), {**wanted, "after": after, "limit": limit})
        after = news["next"]
        for item in news["items"]:
            show_event(item, output, partial(_short, item), name=item["event_id"])
            seen += 1
            if seen == count:
                return


def _short(item: dict[str, Any]) -> str:
    parts = (
        item["timestamp"],
        item["event_type"],
        item["direction"],
        item["principal"],
        item["action"],
        item["resource"],
        item["status"] or "",
        item["decision"],
        item["reason"],
        item["correlation_id"],
    )
    return clean("  ".join(str(part) or "-" for part in parts))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True)
@what_and_when
@pass_place
def export(place: Place, /, file: Path, form: str, **filters: Any) -> None:  # noqa: ANN401 - click's options by name
    """Write the audit to FILE with the proof that it is what it was (of tables: in FILE.proof).

    Rows are in the order of the log; the last second is not sealed, and not in it.
    """
    body = {name: value for name, value in filters.items() if value is not None}
    rows = _write(place.api(), body, file, form)
    click.echo(f"{rows} rows are in {file}", err=True)


def _write(api: Api, body: dict[str, Any], file: Path, form: str) -> int:
    """Write what comes; the number of rows. Fault when it breaks off."""
    lines = api.lines(path_of("audit", "export"), body)
    proof = file if form == "jsonl" else file.with_name(file.name + PROOF)
    end: dict[str, Any] = {}
    with proof.open("wb") as proofs:
        if form == "jsonl":
            for line in lines:
                proofs.write(line)
                end = {} if not line.startswith(b'{"type":"end"') else json.loads(line)
        else:
            with WRITERS[form](file) as write:
                for line in lines:
                    document = json.loads(line)
                    if document["type"] == "row":
                        write(flat(document))
                        document = {"type": "row", "number": document["number"]}
                    proofs.write(json.dumps(document).encode() + b"\n")
                    end = document if document["type"] == "end" else {}
    if not end:
        raise Fault("the export broke off", "look at the control plane's log, and export again")
    return int(end["rows"])


@click.command("verify-export")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--anchors",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="PEM: the anchors of the organisation whose audit it is, from where you trust them to be right.",
)
@output_option
def verify_export(file: Path, anchors: Path, output: str) -> None:
    """Verify an exported FILE without any control plane: every row, against heads that were signed."""
    from control_plane.cli.export_proof import checked  # noqa: PLC0415 - takes long to import
    from control_plane.model.problem import InvalidValueError  # noqa: PLC0415 - needed only here

    try:
        found = checked(_lines_of(file), anchors.read_text(encoding="utf-8"), now=datetime.now(UTC))
    except (InvalidValueError, ValueError) as error:
        raise Fault(f"the export is not what was signed: {clean(str(error))}") from error
    last = found.heads[-1] if found.heads else None
    others = f"; {found.left_out} rows between them are not shown" if found.left_out else ", and no other"
    until = f", up to row {last.size} of log {last.log_id}, {last.at.isoformat()}" if last else ""
    text = (
        f"good: {found.rows} rows of {clean(found.organisation)} in {len(found.heads)} parts{others}{until}"
    )
    answer = {
        "verdict": "good",
        "organisation": found.organisation,
        "rows": found.rows,
        "left_out": found.left_out,
        "parts": len(found.heads),
    }
    show(answer, output, lambda: text)


def _lines_of(file: Path) -> Iterator[Any]:
    """The lines of an export, with the rows of a table in their places."""
    from control_plane.chain.export_check import with_rows  # noqa: PLC0415 - takes long to import

    proof = file.with_name(file.name + PROOF)
    if not proof.exists():
        return _json_lines(file)
    with file.open("rb") as table:
        form = "parquet" if table.read(4) == b"PAR1" else "csv"
    return with_rows(_json_lines(proof), READERS[form](file))


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)
