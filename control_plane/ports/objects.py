"""The store of operator-made objects: nodes, agreements, bundles, resources, grants, gateways."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from control_plane.model.change import Change, Kind, Value


class Mode(StrEnum):
    """What must hold before a write; otherwise the whole transaction changes nothing."""

    CREATE = "create"  # ConflictError when it exists
    REPLACE = "replace"  # MissingError when it does not
    UPSERT = "upsert"
    DELETE = "delete"  # MissingError when it does not exist


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one object. ``expected``: the revision that the caller saw (else ConflictError)."""

    kind: Kind
    key: str
    value: Value | None
    mode: Mode = Mode.UPSERT
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An object with what the store knows about it; ``revision`` is that of its last change."""

    kind: Kind
    key: str
    value: Value
    revision: int
    created_at: datetime
    updated_at: datetime


class Objects(Protocol):
    """One transaction per change; every change has a revision, and readers follow by revision.

    Every method raises UnavailableError when the database cannot be reached. Nothing was changed then, except
    perhaps when the connection was lost during the commit itself: the text says so.
    """

    async def write(self, writes: Sequence[Write], *, actor: str) -> int:
        """Apply all of ``writes`` or none; the new revision (the present one when nothing differed)."""

    async def get(self, kind: Kind, key: str) -> Stored | None:
        """One object, or None."""

    async def many(self, kind: Kind, keys: Collection[str]) -> dict[str, Stored]:
        """Those of these objects that exist, by key."""

    async def page(
        self, kind: Kind, *, after: str = "", limit: int = 100, organisation: str = ""
    ) -> list[Stored]:
        """At most ``limit`` objects with keys after ``after``, in key order; of one organisation."""

    async def changes(self, since: int, *, kinds: Collection[Kind] = ()) -> Change:
        """What is different now from ``since``, each object once; from 0: everything that exists.

        Of these kinds alone, or of all.
        """

    def wakeups(self) -> AsyncIterator[None]:
        """Yield once at the start, and then whenever there may be changes; at least every five seconds."""
