"""``proxenia apply``: nodes, resources and grants from a file, all or none; or what would change."""

import re
from typing import IO, Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean, coloured, shown

_SIGNS = {"create": ("+", "green"), "change": ("~", "yellow")}
_PLACE = re.compile(r"/(nodes|resources|grants)/(\d{1,6})")
_AT_ONCE = 120.0  # seconds


@click.command()
@click.option(
    "-f",
    "--file",
    "file",
    type=click.File("rb"),
    required=True,
    help="YAML, or TOML by its name; - for YAML on standard input.",
)
@click.option("--dry-run", is_flag=True, help="Show the difference, and change nothing.")
@output_option
@pass_place
def apply(place: Place, file: IO[bytes], *, dry_run: bool, output: str) -> None:
    """Create or replace what FILE declares under nodes, resources and grants; what it does not name stays.

    An endpoint may be host:port; a node's spiffe_id is spiffe://<organisation>/gateway/<node_id> by default.
    """
    document = _declared(file)
    try:
        asked = {**document, "dry_run": dry_run}
        answer = place.api().send("POST", path_of("federation", "apply"), asked, within=_AT_ONCE)
    except Fault as fault:
        raise Fault(_placed(fault.message, document), fault.hint, exit_code=Exit(fault.exit_code)) from fault
    show(answer, output, lambda: _text(answer))


def _declared(file: IO[bytes]) -> dict[str, Any]:
    from control_plane.discovery import declared  # noqa: PLC0415 - no other command reads YAML

    name = getattr(file, "name", "")
    try:
        return dict(declared.read(file.read(declared.MAX_FILE + 1), str(name)))
    except declared.BadFileError as error:
        raise Fault(f"{name}: {error}", "nothing was changed: correct the file") from error


def _placed(message: str, document: dict[str, Any]) -> str:
    """The API names an entry by its place in the document: name it by its line in the file."""

    def line(match: re.Match[str]) -> str:
        kind, number = match[1], int(match[2])
        entries = document.get(kind, [])
        at = getattr(entries[number], "line", 0) if number < len(entries) else 0
        return f"line {at}: {match[0]}" if at else match[0]

    return _PLACE.sub(line, message)


def _text(answer: dict[str, Any]) -> str:
    changes = answer["changes"]
    lines = [line for change in changes for line in _lines(change)]
    verb = "would change" if answer["dry_run"] else "changed"
    summary = f"{len(changes)} {verb}, {answer['unchanged']} as declared already"
    return "\n".join([summary, *lines])


def _lines(change: dict[str, Any]) -> list[str]:
    sign, colour = _SIGNS[change["action"]]
    head = coloured(f"{sign} {change['kind']} {clean(change['key'])}", colour)
    new = change["action"] == "create"
    return [head, *(f"    {_field(field, new=new)}" for field in change["fields"] if _says(field, new=new))]


def _says(field: dict[str, Any], *, new: bool) -> bool:
    """Whether a field is worth a line: of what is new, only what says something."""
    return not new or not _empty(field["after"])


def _empty(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_empty, value.values()))
    return value in (None, "", [], 0, False)


def _field(field: dict[str, Any], *, new: bool) -> str:
    after = clean(shown(field["after"]))
    if new:
        return f"{field['field']}: {after}"
    return f"{field['field']}: {clean(shown(field['before']))} -> {after}"
