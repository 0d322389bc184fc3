"""Points in time as the API takes them: RFC 3339 with a zone, never a bare number."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII
)


def _read(value: object) -> object:
    """A library would take ``0.5`` for half a second past 1970: nobody who writes that means it."""
    if not isinstance(value, str):
        return value
    try:
        if _RFC3339.match(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass  # a thirteenth month: answered like every other text that is no time
    raise InvalidValueError(
        "bad_parameter", f"expected a time such as 2026-01-31T14:00:00Z, with its zone, got {shown(value)}"
    )


def moment(at: float | None) -> datetime | None:
    """A Unix time in seconds as it is shown; 0 means never."""
    return datetime.fromtimestamp(at, UTC) if at else None


Moment = Annotated[datetime, BeforeValidator(_read)]
