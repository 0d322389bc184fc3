"""From values to HTML. Everything is escaped; what cannot be printed is shown as such."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SHOWN = 400  # characters of a text


def printable(value: object) -> str:
    """Text without control characters and of a bounded length: others chose what is in it."""
    text = "" if value is None else str(value)
    cleaned = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:_SHOWN])
    return cleaned if len(text) <= _SHOWN else f"{cleaned}…"


def whole(value: str) -> Markup:
    """Text that must not be cut, such as a token; what makes it is ours."""
    return Markup.escape("".join(char for char in value if char.isprintable()))


def moment(value: datetime | None) -> str:
    """A time for people, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value else "never"


def rfc3339(value: datetime) -> str:
    """A time as the API takes it."""
    return value.astimezone(UTC).isoformat()


def span(seconds: float) -> str:
    """How long: ``3 min``, ``7 h``, ``12 d``; with a minus when it is over."""
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if rest >= 2 * size:
            return f"{sign}{rest / size:.0f} {unit}"
    return f"{sign}{rest:.0f} s"


def soft(value: object) -> Markup:
    """A name that may be broken before its dots, slashes and at-signs rather than anywhere."""
    return Markup("").join(
        Markup("<wbr>") + escape(part) if part in {".", "/", "@"} else escape(part)
        for part in re.split(r"([./@])", printable(value))
        if part
    )


def who(value: str) -> str:
    """A SPIFFE id without what every one of them begins with."""
    return value.removeprefix("spiffe://")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja with the templates of this package; an undefined name is an error, never an empty place."""
    made = Environment(
        loader=PackageLoader("control_plane.admin.dashboard"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) and not _safe(value) else value,
    )
    made.filters.update(moment=moment, span=span, whole=whole, rfc3339=rfc3339, soft=soft, who=who)
    return made


def _safe(value: object) -> bool:
    return hasattr(value, "__html__")


def render(template: str, values: dict[str, Any]) -> str:
    """One page."""
    return environment().get_template(template).render(values)
