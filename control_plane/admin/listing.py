"""Lists by key: a page is what follows a key, so nothing is skipped or repeated when objects come and go."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.objects import Objects, Stored

MAX_PAGE = 1000
_STEP = 500  # objects read at once when all are looked through

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Part of a list; ``next`` is the ``after`` of the following page, null on the last."""

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


async def read_page(objects: Objects, kind: Kind, query: PageQuery) -> tuple[list[Stored], str | None]:
    """The objects of a page, and the cursor of the next (None: this is the last)."""
    organisation = query.organisation if isinstance(query, OrganisationQuery) else None
    found = await objects.page(
        kind, after=query.after, limit=query.limit + 1, organisation=organisation or ""
    )
    shown = found[: query.limit]
    return shown, shown[-1].key if len(found) > len(shown) else None


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
