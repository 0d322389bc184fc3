"""Asking whether the audit is still what it was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bad:
    """The first place where the log is not what it was. ``row`` counts from 0 (None: no row of the log)."""

    code: str
    detail: str
    row: int | None = None
    event_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """From the day of ``since`` on, up to ``until``; ``after`` is the ``next`` of the answer before."""

    since: datetime | None = None
    until: datetime | None = None
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found so far.

    ``verified`` rows of ``total`` are as they were, ``first`` being the number of the first that was looked
    at; ``next`` goes on from there, and is None at the end or when something is ``bad``. ``gone`` rows were
    taken by retention, ``unsealed`` ones wait to be sealed; ``compared`` heads are kept outside the database.
    """

    first: int
    verified: int
    total: int
    gone: int = 0
    unsealed: int = 0
    compared: int = 0
    bad: Bad | None = None
    next: str | None = None


class Verifying(Protocol):
    """Verification of the audit, a piece at a time."""

    async def verify(self, scope: Scope, *, within: float) -> Verified:
        """Verify for about so many seconds; InvalidValueError ``bad_cursor``, UnavailableError."""
