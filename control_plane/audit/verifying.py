"""Verification for somebody who waits for an answer: some seconds of it, and where to go on."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from control_plane.audit.verify import Verification
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.verification import Scope, Verified

_CURSOR = re.compile(r"(\d{1,18})\.([0-9a-f]{16})\Z")


@dataclass(frozen=True, slots=True)
class Verifier:
    """Implements ports.verification.Verifying; ``make`` gives a verification that has not begun.

    ``witnessed`` are our heads that partners have countersigned.
    """

    make: Callable[[], Verification]
    witnessed: Callable[[], Awaitable[Sequence[bytes]]]

    async def verify(self, scope: Scope, *, within: float) -> Verified:
        """Verify for about so many seconds."""
        made = self.make()
        made.until = scope.until
        made.witnessed = await self.witnessed()
        after = _after(scope.after) if scope.after else None
        await made.begin(since=scope.since.date() if scope.since else None, after=after)
        if scope.after and made.bad is None and cursor(made) != scope.after:
            raise InvalidValueError("bad_cursor", "expected the next of an answer of this log: begin anew")
        first = made.walk.frontier.size
        clock = asyncio.get_running_loop().time
        until, is_done = clock() + within, False
        while not is_done and (clock() < until or made.walk.passed <= first):
            is_done = not await made.step()
        if not is_done:
            await made.pause()
        return Verified(
            first=first,
            verified=made.walk.passed if made.bad is None and not is_done else made.walk.frontier.size,
            total=made.total,
            gone=made.walk.gone,
            unsealed=made.unsealed,
            compared=made.compared,
            bad=made.bad,
            next=None if is_done or made.bad is not None else cursor(made),
        )


def cursor(made: Verification) -> str:
    """The last head that was passed, by its size and its hash."""
    return f"{made.walk.passed}.{sha256(made.walk.signed).hexdigest()[:16]}"


def _after(text: str) -> int:
    match = _CURSOR.match(text)
    if match is None:
        raise InvalidValueError("bad_cursor", f"expected the next of an answer, got {shown(text)}")
    return int(match[1])
