"""From values to HTML. Everything is escaped; what cannot be printed is shown as such."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from control_plane.model.conditions import Window

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
_SHOWN = 400  # characters of a text
_DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME = Markup('<time datetime="{}" title="{} UTC">{}</time>')


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


def when(value: datetime | None) -> Markup:
    """A time of these days in short, the whole of it for whoever points at it and for programs."""
    if value is None:
        return Markup("never")
    at = value.astimezone(UTC)
    return _TIME.format(at.isoformat(), moment(at), f"{at:%d %b %H:%M:%S}")


def day(value: datetime) -> Markup:
    """A time that is far away, as its day."""
    at = value.astimezone(UTC)
    return _TIME.format(at.isoformat(), moment(at), f"{at:%Y-%m-%d}")


def rfc3339(value: datetime) -> str:
    """A time as the API takes it."""
    return value.astimezone(UTC).isoformat()


def span(seconds: float) -> str:
    """How long: ``3 min``, ``7 h``, ``12 d``, ``10 y``; with a minus when it is over."""
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    for size, unit in ((_YEAR, "y"), (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
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


def told(value: object) -> Markup:
    """A text of ours in which commands stand between backticks."""
    parts = printable(value).split("`")
    if len(parts) % 2 == 0:
        return escape(printable(value))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def week(window: Window) -> str:
    """Days and hours: ``Mon to Fri 07:00 to 18:00``."""
    days = sorted(set(window.days))
    row = days[-1] - days[0] == len(days) - 1 > 1
    named = f"{_DAYS[days[0]]} to {_DAYS[days[-1]]}" if row else ", ".join(_DAYS[day] for day in days)
    return f"{named} {window.begins} to {window.ends}"


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
    made.filters.update(
        moment=moment,
        when=when,
        day=day,
        span=span,
        whole=whole,
        rfc3339=rfc3339,
        soft=soft,
        who=who,
        told=told,
        week=week,
    )
    return made


def _safe(value: object) -> bool:
    return hasattr(value, "__html__")


def render(template: str, values: dict[str, Any]) -> str:
    """One page."""
    return environment().get_template(template).render(values)
