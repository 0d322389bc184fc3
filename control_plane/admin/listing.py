"""Lists by key: a page is what follows a key, so nothing is skipped or repeated when objects come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain, shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.objects import Objects, Stored

MAX_PAGE = 1000
_STEP = 500  # objects read at once when all are looked through
_MAX_CURSOR = 2048  # characters

PAGE = 500  # items of a page at most, however many were asked for: it has to be made while others wait
_SLICE = 50  # items that are shaped without letting anything else run

Item = TypeVar("Item")
Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Part of a list, which may be less than was asked for; ``next`` is the ``after`` of the following page.

    It is null on the last.
    """

    items: tuple[Item, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """Which part of a list."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    after: str = ""
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise InvalidValueError(
                "bad_parameter", f"expected a limit from 1 to {MAX_PAGE}, got {self.limit}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationQuery(PageQuery):
    """Which part of a list, optionally of one organisation."""

    organisation: TrustDomain | None = None


async def read_page(
    objects: Objects, kind: Kind, query: PageQuery, *, most: int = PAGE
) -> tuple[list[Stored], str | None]:
    """The objects of a page, and the cursor of the next (None: this is the last)."""
    organisation = query.organisation if isinstance(query, OrganisationQuery) else None
    limit = min(query.limit, most)
    found = await objects.page(kind, after=query.after, limit=limit + 1, organisation=organisation or "")
    return cut(found, limit, lambda stored: stored.key)


def cut(found: Sequence[Item], limit: int, key: Callable[[Item], str]) -> tuple[list[Item], str | None]:
    """The first ``limit`` of these, and the cursor of the next page when there are more."""
    page = list(found[:limit])
    return page, key(page[-1]) if len(found) > len(page) else None


def part(
    items: Iterable[Item], query: PageQuery, key: Callable[[Item], str], *, most: int = PAGE
) -> tuple[list[Item], str | None]:
    """A page of what is all in memory, in the order of its keys."""
    rest = sorted((item for item in items if key(item) > query.after), key=key)
    return cut(rest, min(query.limit, most), key)


def moment_key(at: datetime, name: str) -> str:
    """The cursor of a list that is ordered by time, then by name."""
    return f"{at.isoformat()}|{name}"


def read_moment_key(text: str) -> tuple[datetime, str] | None:
    """What such a cursor says; None at the beginning of the list."""
    if not text:
        return None
    moment, _, name = text.partition("|")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not name or len(text) > _MAX_CURSOR or not text.isprintable():
        raise InvalidValueError("bad_parameter", f"expected the next of a page as after, got {shown(text)}")
    return at, name


async def shaped(items: Iterable[Item], shape: Callable[[Item], Shape]) -> tuple[Shape, ...]:
    """Each item as it is shown, with turns for others in between."""
    made: list[Shape] = []
    for item in items:
        made.append(shape(item))
        if len(made) % _SLICE == 0:
            await asyncio.sleep(0)
    return tuple(made)


async def every(
    objects: Objects, kind: Kind, *, after: str = "", organisation: str = "", step: int = _STEP
) -> AsyncIterator[Stored]:
    """All objects of a kind (with keys after ``after``), a bounded number at a time."""
    step = min(step, _STEP)
    while True:
        found = await objects.page(kind, after=after, limit=step, organisation=organisation)
        for stored in found:
            yield stored
        if len(found) < step:
            return
        after = found[-1].key
