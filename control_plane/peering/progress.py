"""How far a comparison of audits is, while it goes on: for people who wait for it."""

from dataclasses import dataclass
from datetime import datetime

from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import Interval
from control_plane.ports.reconciliation import MAX_ROWS, Running, Stage


@dataclass(slots=True)
class Progress:
    """Of one comparison. Parts of ``interval`` are compared one after the other, the earliest first.

    ``ours`` and ``theirs`` are rows that were read on both sides; of theirs we know what the partner says
    when it is still reading, and the number in the end.
    """

    organisation: TrustDomain
    interval: Interval
    actor: str
    started_at: datetime
    stage: Stage = Stage.ASKING
    share: float = 0.0
    named: int = 0
    to_name: int = 0
    _ours: int = 0  # of the parts before this one
    _theirs: int = 0
    _ours_here: int = 0
    _theirs_here: int = 0

    def waits(self) -> None:
        """Another comparison with this partner goes on."""
        self.stage = Stage.WAITING

    def asks(self) -> None:
        """It has its turn."""
        self.stage = Stage.ASKING

    def begins(self) -> None:
        """A part is compared, from its beginning: what was read of it before, in vain, counts no more."""
        self.stage, self._ours_here, self._theirs_here = Stage.READING, 0, 0

    def read(self, rows: int, until: datetime) -> None:
        """So many of our rows of this part are read, the last of ``until``."""
        self._ours_here = rows
        self._reach(until)

    def partner_read(self, rows: int) -> None:
        """So many of the partner's, as it says: no more than it could have."""
        self._theirs_here = max(self._theirs_here, min(rows, MAX_ROWS))

    def compares(self, theirs: int) -> None:
        """Both have read, and what differs is looked for."""
        self.stage, self._theirs_here = Stage.COMPARING, theirs

    def names(self, count: int) -> None:
        """So many differences are to be named."""
        self.stage, self.named, self.to_name = Stage.NAMING, 0, count

    def ends(self, until: datetime) -> None:
        """This part is done."""
        self._ours += self._ours_here
        self._theirs += self._theirs_here
        self._ours_here = self._theirs_here = 0
        self._reach(until)

    def has_named(self, count: int) -> None:
        """So many more are named."""
        self.named += count

    def _reach(self, until: datetime) -> None:
        whole = self.interval.until - self.interval.since
        self.share = min(1.0, max(self.share, (until - self.interval.since) / whole))

    @property
    def shown(self) -> Running:
        """As it is now."""
        return Running(
            organisation=self.organisation,
            interval=self.interval,
            actor=self.actor,
            started_at=self.started_at,
            stage=self.stage,
            share=self.share,
            ours=self._ours + self._ours_here,
            theirs=self._theirs + self._theirs_here,
            named=self.named,
            to_name=self.to_name,
        )
