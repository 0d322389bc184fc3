"""From a look to a report: what was found, and what was found before and could not be asked for this time.

An instance that nobody answers for keeps what it said last, for a while: silence withdraws nothing. It is
told as a problem all the same.
"""

import asyncio
from dataclasses import dataclass, field, replace

from dns.name import Name

from control_plane.discovery.dns_browse import Listed, Look, Unknown
from control_plane.discovery.dns_servers import SLICE
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate
from control_plane.ports.source import Lost, Report, Seen

MAX_REASON = 300  # characters
HOLD = 300.0  # seconds that an instance keeps what it said last while nobody answers for it


@dataclass(frozen=True, slots=True)
class Kept:
    """What an instance said the last time that it could be asked for."""

    candidate: Candidate
    domain: Name
    at: float


@dataclass(slots=True)
class Memory:
    """What the looks before found, by the instance's key."""

    kept: dict[bytes, Kept] = field(default_factory=dict)
    domains: tuple[Name, ...] = ()

    async def report(self, look: Look, now: float) -> Report:
        """What the source says after this look; the memory is then that of this look."""
        if len(look.dark) == len(look.domains):
            return Lost("; ".join(dict.fromkeys(look.dark.values()))[:MAX_REASON])
        fresh: dict[bytes, Kept] = {}
        for number, listed in enumerate(look.instances, start=1):
            self._take(fresh, listed, look, now)
            if not number % SLICE:
                await asyncio.sleep(0)
        silent = [outcome.reason for outcome in look.outcomes.values() if isinstance(outcome, Unknown)]
        if silent and len(silent) == len(look.instances):
            return Lost(f"none of {len(silent)} instances can be asked for: {silent[0]}"[:MAX_REASON])
        for domain, reason in look.dark.items():
            look.refuse(domain, "unanswered", f"what it lists is not known: {reason}")
        for number, (key, old) in enumerate(self.kept.items() if look.dark else (), start=1):
            if key not in fresh and old.domain in look.dark and now - old.at <= HOLD:
                fresh[key] = old
            if not number % SLICE:
                await asyncio.sleep(0)
        self.kept = fresh
        self.domains = look.domains
        return Seen(
            tuple(self.kept[key].candidate for key in sorted(self.kept)),
            refused=tuple(_problems(look)),
            left_out=look.left_out,
        )

    def _take(self, fresh: dict[bytes, Kept], listed: Listed, look: Look, now: float) -> None:
        old = self.kept.get(listed.key)
        outcome = look.outcomes[listed.key]
        if isinstance(outcome, Candidate):
            if old and look.cached and replace(outcome, ttl=old.candidate.ttl) == old.candidate:
                ttl = max(outcome.ttl, old.candidate.ttl)  # a cache counts down: nothing changed
                outcome = replace(outcome, ttl=ttl)
            fresh[listed.key] = Kept(outcome, listed.domain, now)
        elif isinstance(outcome, Unknown):
            look.refuse(listed.name, "unanswered", outcome.reason)
            if old and now - old.at <= HOLD:
                fresh[listed.key] = old
        else:
            look.refuse(listed.name, outcome.code, outcome.detail)


def _problems(look: Look) -> list[Problem]:
    more = Problem(str(look.domains[0]), "more_refused", f"{look.more_refused} more were refused")
    order = sorted(look.refused, key=lambda problem: (problem.subject, problem.code))
    return [*order, more] if look.more_refused else order
