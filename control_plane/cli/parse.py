"""Arguments that are more than text: ``name@organisation``, addresses, labels, times."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

import click

MAX_FILE = 16 << 20  # bytes; the API takes no more at once
_AGO = re.compile(r"(\d{1,6})([smhd])\Z", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NUMBERS = {"port", "priority", "weight"}


@dataclass(frozen=True, slots=True)
class Named:
    """``name@organisation``."""

    name: str
    organisation: str

    def __str__(self) -> str:
        return f"{self.name}@{self.organisation}"


def named(text: str) -> Named:
    """Split ``name@organisation`` at its one ``@``."""
    name, _, organisation = text.partition("@")
    if not name or not organisation or "@" in organisation:
        raise click.BadParameter(f"expected name@organisation, got {text!r}")
    return Named(name, organisation)


def endpoint(text: str) -> dict[str, object]:
    """Read ``host:port[,priority=N][,weight=N]``; the API judges the numbers."""
    address, *shares = text.split(",")
    host, _, port = address.rpartition(":")
    found: dict[str, object] = {"host": host.removeprefix("[").removesuffix("]")}
    for name, _, number in [("port", "=", port), *(share.partition("=") for share in shares)]:
        if name not in _NUMBERS or name in found or not number.isdecimal() or not host:
            raise click.BadParameter(f"expected host:port[,priority=N][,weight=N], got {text!r}")
        found[name] = int(number)
    return found


def label(text: str) -> tuple[str, str]:
    """Split ``name=value`` at its first ``=``."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"expected name=value, got {text!r}")
    return name, value


def capability(text: str) -> dict[str, object]:
    """Read ``GET,POST /path``, or ``/path`` for any method."""
    methods, _, path = text.rpartition(" ")
    if not path.startswith("/"):
        raise click.BadParameter(f"expected '/path' or 'GET,POST /path', got {text!r}")
    return {"methods": [name for name in methods.split(",") if name], "path": path}


def window(text: str) -> dict[str, object]:
    """Read ``1-5 08:00-17:30``: days from Monday, and a time of UTC."""
    days, _, hours = text.partition(" ")
    first, _, last = days.partition("-")
    begins, dash, ends = hours.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or not dash:
        raise click.BadParameter(f"expected 'DAY[-DAY] HH:MM-HH:MM', got {text!r}")
    numbers = range(int(first), int(last or first) + 1)
    return {"days": list(numbers)[:7], "begins": begins, "ends": ends}


def time(text: str) -> str:
    """Read ``15m`` (so long ago) or a date and time (local unless it names its zone)."""
    ago = _AGO.match(text)
    try:
        if ago:
            return (datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"expected 15m, 2h or 2026-01-31T12:00, got {text!r}") from error


def read_input(file: IO[bytes]) -> bytes:
    """A file's content, as much as the API would take. Raises a usage error when it is more."""
    content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise click.UsageError(f"expected a file of at most {MAX_FILE} bytes: split it")
    return content
