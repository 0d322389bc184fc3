"""Heads of audit logs between partners: ours as we offer them, theirs as we witness them.

Every method raises UnavailableError when the database cannot be reached, having changed nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem


@dataclass(frozen=True, slots=True)
class OwnHead:
    """A signed head of ours (chain/head.py), and the proof that it continues the tree of ``first`` rows."""

    signed: bytes
    size: int
    first: int = 0
    proof: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldHead:
    """What was witnessed: of the log ``log_id`` with ``size`` rows, the ``head`` and who signed for it.

    ``countersigned`` is the witness's message; ``at`` is when it was written down.
    """

    organisation: TrustDomain
    log_id: str
    size: int
    head: bytes
    countersigned: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A head that was refused: it does not continue the one that was ``held``. Both are signed."""

    organisation: TrustDomain
    code: str
    detail: str
    held: bytes
    offered: bytes
    proof: tuple[bytes, ...]
    at: datetime


class OwnHeads(Protocol):
    """Our own log."""

    async def next(self, first: int) -> OwnHead | None:
        """A head to offer to somebody who has seen ``first`` rows (0: nothing), the further the better.

        None: there is no head yet, or none of ``first`` rows from which a proof could begin.
        """


class HeadOffering(Protocol):
    """The exchange of heads with partners, for operators."""

    async def problems(self) -> tuple[Problem, ...]:
        """Logs that do not continue what was witnessed: a partner's, or our own as a partner says."""


class HeadKeeping(Protocol):
    """What partners and we have witnessed of each other's logs. Nothing here is ever changed."""

    async def theirs(self, organisation: TrustDomain) -> HeldHead | None:
        """The last head of a partner's log that we witnessed."""

    async def ours(self, organisation: TrustDomain) -> HeldHead | None:
        """The last head of our log that a partner witnessed."""

    async def keep_theirs(self, held: HeldHead, *, after: HeldHead | None) -> bool:
        """Write down what we witness; False when ``after`` is not the last one any more."""

    async def keep_ours(self, held: HeldHead) -> None:
        """Write down what a partner witnessed."""

    async def keep_evidence(self, evidence: Evidence) -> bool:
        """Write down a refused head; False when it is known already."""

    async def evidence(self, *, limit: int) -> list[Evidence]:
        """Refused heads that no operator has looked at, newest first."""

    async def all(
        self, *, after: tuple[str, str] = ("", ""), limit: int | None = None
    ) -> list[tuple[str, HeldHead]]:
        """The last of each, as ``("ours" or "theirs", head)``, by organisation.

        At most ``limit`` that come after an organisation and its side.
        """

    async def accept(self, organisation: TrustDomain, *, actor: str) -> None:
        """An operator has looked: the evidence is settled, and the partner's next head begins anew."""
