"""Lines of an event stream as events (HTML, section 9.2.6), as far as this API uses them."""

from collections.abc import Iterable, Iterator
from typing import Any


def read_events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Each event with ``id``, ``event`` and ``data``; one that only moves the id has no data."""
    fields: dict[str, str] = {}
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line:
            name, _, value = line.partition(":")
            if name in {"id", "event", "data"}:
                value = value.removeprefix(" ")
                fields[name] = f"{fields['data']}\n{value}" if name == "data" and name in fields else value
        elif fields:
            yield {
                "id": fields.get("id", ""),
                "event": fields.get("event", "message"),
                "data": fields.get("data", ""),
            }
            fields = {}
