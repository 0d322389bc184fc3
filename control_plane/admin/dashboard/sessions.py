"""Who is signed in: codes that work once, and sessions that end by themselves.

Kept in memory: a restart of the control plane signs everybody out. Both are 256 random bits.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from time import monotonic

from control_plane.admin.tokens import Holder

CODE_SECONDS = 120.0
SESSION_SECONDS = 8 * 3600.0
MAX_OPEN = 64  # codes, and sessions: beyond it the oldest ends


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in; ``csrf`` is in each of its forms, and in no one else's."""

    holder: Holder
    csrf: str
    until: float


@dataclass(slots=True)
class Sessions:
    """``clock`` is in seconds, and only ever compared with itself."""

    clock: Callable[[], float] = monotonic
    _codes: dict[str, tuple[Holder, float]] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)

    def code(self, holder: Holder) -> str:
        """A code that signs ``holder`` in, once, within two minutes."""
        made = secrets.token_urlsafe(32)
        _make_room(self._codes)
        self._codes[made] = (holder, self.clock() + CODE_SECONDS)
        return made

    def redeem(self, code: str) -> str | None:
        """The id of a new session; None when the code is not good (any more)."""
        found = self._codes.pop(code, None)
        if found is None or self.clock() >= found[1]:
            return None
        return self.begin(found[0])

    def begin(self, holder: Holder) -> str:
        """The id of a new session of ``holder``."""
        made = secrets.token_urlsafe(32)
        _make_room(self._sessions)
        until = self.clock() + SESSION_SECONDS
        self._sessions[made] = Session(holder, secrets.token_urlsafe(32), until)
        return made

    def find(self, identifier: str) -> Session | None:
        """The session of a cookie, if it is one."""
        session = self._sessions.get(identifier)
        if session is not None and self.clock() >= session.until:
            del self._sessions[identifier]
            return None
        return session

    def end(self, identifier: str) -> None:
        """Sign out."""
        self._sessions.pop(identifier, None)


def matches(session: Session, given: str) -> bool:
    """Whether a form came from a page of this session."""
    return compare_digest(session.csrf.encode(), given.encode("utf-8", "replace"))


def _make_room(kept: dict[str, tuple[Holder, float]] | dict[str, Session]) -> None:
    while len(kept) >= MAX_OPEN:
        del kept[next(iter(kept))]
