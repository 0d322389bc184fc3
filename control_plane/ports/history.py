"""What the objects were at an earlier revision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control_plane.model.change import Kind, Value
from control_plane.model.identity import TrustDomain
from control_plane.ports.objects import Stored

MAX_NAMED = 20  # objects that one revision is told with


@dataclass(frozen=True, slots=True)
class Revision:
    """One change: who made it, when, how many objects it touched, and the first of them (``kind key``)."""

    revision: int
    at: datetime
    actor: str
    objects: int
    named: tuple[str, ...]
    kinds: tuple[str, ...] = ()  # of all of its objects


@dataclass(frozen=True, slots=True)
class Then:
    """One object that was something else at a revision: ``then`` None means that it did not exist."""

    kind: Kind
    key: str
    then: Value | None
    now: Stored | None


class History(Protocol):
    """Every method raises UnavailableError when the database cannot be reached."""

    async def revisions(self, *, before: int = 0, limit: int = 100) -> Sequence[Revision]:
        """The last changes before revision ``before`` (0: all), newest first."""

    async def since(self, revision: int, *, limit: int = 100) -> Sequence[Revision]:
        """The first changes after ``revision``, oldest first."""

    async def trusted_since(self, organisations: Collection[TrustDomain]) -> dict[str, datetime]:
        """Since when the agreement with each of these is ``trusted``; those that are not now are left out."""

    async def differences(self, revision: int, kinds: Collection[Kind], *, limit: int) -> Sequence[Then]:
        """What is different now from ``revision``, at most ``limit``, by kind and key."""
