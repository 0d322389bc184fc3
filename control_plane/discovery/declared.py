"""Files in which an operator declares nodes, resources and grants: YAML, TOML or JSON, by the file's name.

Two short forms are spelt out: an endpoint may be ``host:port``, and a node's ``spiffe_id`` may be left out.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

MAX_FILE = 1 << 20  # bytes; the API takes no more at once
KINDS = ("nodes", "resources", "grants")
_ADDRESSED = {"nodes": "endpoints", "resources": "upstreams"}

Document = dict[str, list[dict[str, Any]]]


class BadFileError(Exception):
    """The file cannot be used; the message begins with the line or the place, and says why."""


def read(data: bytes, name: str) -> Document:
    """What is declared, by kind. ``name`` is the file's; one without a known ending is YAML. BadFileError."""
    if len(data) > MAX_FILE:
        raise BadFileError(f"expected at most {MAX_FILE} bytes, got {len(data)}: split the file")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadFileError(f"line {line}: expected UTF-8, got byte {data[error.start]:#04x}") from error
    document = (_toml if name.endswith(".toml") else _yaml)(text)
    if not document:
        # Also a file that somebody is about to write, which must not mean that everything is gone.
        raise BadFileError("expected nodes, resources or grants, got nothing: write `nodes: []` for none")
    if not isinstance(document, Mapping):
        raise BadFileError(f"line 1: expected {', '.join(KINDS)}, got {type(document).__name__}")
    unknown = sorted(set(document) - set(KINDS))
    if unknown:
        raise BadFileError(f"expected {', '.join(KINDS)}, got {ascii(unknown[0])[:80]}")
    return {kind: _objects(kind, entries) for kind, entries in document.items()}


def place_of(kind: str, number: int, entry: object) -> str:
    """Where an entry is, for an error: its line, or its number in the list."""
    line = getattr(entry, "line", 0)
    return f"line {line}: {kind}[{number}]" if line else f"{kind}[{number}]"


def _yaml(text: str) -> object:
    from control_plane.discovery import strict_yaml  # noqa: PLC0415 - whoever reads TOML needs no yaml

    try:
        return strict_yaml.read(text)
    except strict_yaml.YamlError as error:
        raise BadFileError(str(error)) from error


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        detail = str(error)
        raise BadFileError(f"expected TOML: {detail[:1].lower()}{detail[1:]}") from error
    except RecursionError as error:
        raise BadFileError("expected TOML that is not nested so deeply") from error


def _objects(kind: str, entries: object) -> list[dict[str, Any]]:
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise BadFileError(f"expected a list of {kind}, got {type(entries).__name__}")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise BadFileError(f"{kind}[{number}]: expected a mapping, got {type(entry).__name__}")
        _check_plain(entry, place_of(kind, number, entry))
        _spell_out(kind, entry)
    return entries


def _check_plain(value: object, place: str) -> None:
    """TOML has dates, which no field here has. YAML and JSON give nothing but plain values."""
    if isinstance(value, dict):
        for inner in value.values():
            _check_plain(inner, place)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(inner, place)
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise BadFileError(f"{place}: expected text, got a {type(value).__name__}: put it in quotes")


def _spell_out(kind: str, entry: dict[str, Any]) -> None:
    field = _ADDRESSED.get(kind, "")
    if isinstance(entry.get(field), list):
        entry[field] = [_endpoint(one) if isinstance(one, str) else one for one in entry[field]]
    if kind == "nodes" and "spiffe_id" not in entry:
        organisation, node_id = entry.get("organisation"), entry.get("node_id")
        if isinstance(organisation, str) and isinstance(node_id, str):
            entry["spiffe_id"] = f"spiffe://{organisation}/gateway/{node_id}"


def _endpoint(text: str) -> object:
    """``host:port`` as an endpoint; whatever else it is, the rules for endpoints will say what is wrong."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or len(port) > 5:  # noqa: PLR2004 - 65535
        return text
    return {"host": host.removeprefix("[").removesuffix("]"), "port": int(port)}
