"""From a look to a report: what was found, and what was found before and could not be asked for this time.

An instance that nobody answers for keeps what it said last, for a while: silence withdraws nothing. It is
told as a problem all the same.
"""

import asyncio
from dataclasses import dataclass, field

from dns.name import Name

from control_plane.discovery.dns_browse import Listed, Look, Unknown
from control_plane.discovery.dns_servers import SLICE
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate
from control_plane.ports.source import Lost, Report, Seen

MAX_REASON = 300  # characters
HOLD = 300.0  # seconds that an instance keeps what it said last while nobody answers for it


@dataclass(slots=True)
class Memory:
    """What the looks before found, by the instance's key.

    Flat on purpose: each container is a thing that the garbage collector visits, ten thousand times.
    """

    kept: dict[bytes, Candidate] = field(default_factory=dict)
    listed_by: dict[bytes, Name] = field(default_factory=dict)  # the domain
    heard_at: dict[bytes, float] = field(default_factory=dict)
    domains: tuple[Name, ...] = ()

    async def report(self, look: Look, now: float) -> Report:
        """What the source says after this look; the memory is then that of this look."""
        if len(look.dark) == len(look.domains):
            return Lost("; ".join(dict.fromkeys(look.dark.values()))[:MAX_REASON])
        silent = [outcome.reason for outcome in look.outcomes.values() if isinstance(outcome, Unknown)]
        if silent and len(silent) == len(look.instances):
            return Lost(f"none of {len(silent)} instances can be asked for: {silent[0]}"[:MAX_REASON])
        fresh = Memory(domains=look.domains)
        for number, listed in enumerate(look.instances, start=1):
            self._take(fresh, listed, look, now)
            if not number % SLICE:
                await asyncio.sleep(0)
        for domain, reason in look.dark.items():
            look.refuse(domain, "unanswered", f"what it lists is not known: {reason}")
        for number, (key, domain) in enumerate(self.listed_by.items() if look.dark else (), start=1):
            if key not in fresh.kept and domain in look.dark:
                self._hold(fresh, key, domain, now)
            if not number % SLICE:
                await asyncio.sleep(0)
        self.kept, self.listed_by, self.heard_at = fresh.kept, fresh.listed_by, fresh.heard_at
        self.domains = look.domains
        return Seen(
            tuple(self.kept[key] for key in sorted(self.kept)),
            refused=tuple(_problems(look)),
            left_out=look.left_out,
        )

    def _take(self, fresh: "Memory", listed: Listed, look: Look, now: float) -> None:
        outcome = look.outcomes[listed.key]
        if isinstance(outcome, Candidate):
            fresh.kept[listed.key] = outcome
            fresh.listed_by[listed.key] = listed.domain
            fresh.heard_at[listed.key] = now
        elif isinstance(outcome, Unknown):
            look.refuse(listed.name, "unanswered", outcome.reason)
            self._hold(fresh, listed.key, listed.domain, now)
        else:
            look.refuse(listed.name, outcome.code, outcome.detail)

    def _hold(self, fresh: "Memory", key: bytes, domain: Name, now: float) -> None:
        """Keep what it said last, if that is not too long ago."""
        at = self.heard_at.get(key)
        if at is not None and now - at <= HOLD:
            fresh.kept[key] = self.kept[key]
            fresh.listed_by[key] = domain
            fresh.heard_at[key] = at


def _problems(look: Look) -> list[Problem]:
    more = Problem(str(look.domains[0]), "more_refused", f"{look.more_refused} more were refused")
    order = sorted(look.refused, key=lambda problem: (problem.subject, problem.code))
    return [*order, more] if look.more_refused else order
