"""What one source said, and what is different in its next report. Pure: in small steps, stored by the caller.

Nothing here forgets what a source said because it is blind now, and a record that is refused leaves what was
said before as it was.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from control_plane.discovery.guard import Rules, check, still_good
from control_plane.model.held import Held
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, Sighting, SourceKind
from control_plane.plan.age import Aging, Standing, standing
from control_plane.ports.source import MAX_CANDIDATES, Seen

MAX_CODE, MAX_WORDS = 40, 300  # characters of a refusal by a source
MAX_REFUSED = 1000  # refusals of a report that are kept word by word; all are counted


class Difference(NamedTuple):
    """``changes`` by node key (None: withdrawn); ``seen`` nodes, and ``refused`` of the report."""

    changes: Mapping[str, Held | None]
    seen: int = 0
    refused: tuple[Problem, ...] = ()
    refused_total: int = 0
    left_out: int = 0


Steps = Generator[None, None, Difference]


@dataclass(slots=True)
class Inbox:
    """All that ``source`` said and that still counts; ``accept`` alone changes it."""

    source: str
    kind: SourceKind
    held: dict[str, Held] = field(default_factory=dict)  # by node key
    _verdicts: dict[Candidate, Sighting] = field(default_factory=dict)
    _rules: Rules | None = None

    def take(self, report: Seen, rules: Rules, *, now: datetime, confirmed: datetime) -> Steps:
        """What ``report`` changes. ``confirmed`` is when the source last saw everything that it said."""
        sightings: dict[str, list[tuple[str, Sighting]]] = {}
        refused = [_clean(problem, self.source) for problem in report.refused[:MAX_CANDIDATES]]
        verdicts: dict[Candidate, Sighting] = {}
        known = self._verdicts if rules == self._rules else {}
        candidates = report.candidates[:MAX_CANDIDATES]
        for candidate in candidates:
            verdict = _found(known, candidate) or check(candidate, rules, source=self.source, kind=self.kind)
            if isinstance(verdict, Problem):
                refused.append(verdict)
            else:
                verdicts[candidate] = verdict
                sightings.setdefault(verdict.node_key, []).append((str(candidate.subject), verdict))
            yield
        changes: dict[str, Held | None] = {}
        for key, said in sightings.items():
            before = self.held.get(key)
            chosen, others = _chosen(said, before)
            refused.extend(_repeated(self.source, chosen, subject, other) for subject, other in others)
            after = _confirmed(before, chosen, now=now)
            if after != before:
                changes[key] = after
            yield
        for key, before in self.held.items():
            if key not in sightings and before.missing is None:
                changes[key] = replace(before, missing=confirmed)
            yield
        self._verdicts, self._rules = verdicts, rules
        left_out = report.left_out + len(report.candidates) - len(candidates)
        kept = tuple(sorted(refused, key=lambda problem: (problem.subject, problem.code))[:MAX_REFUSED])
        return Difference(changes, len(sightings), kept, len(refused), left_out)

    def age(self, aging: Aging, *, now: datetime, blind_since: datetime | None) -> Steps:
        """What the mere passing of time changes."""
        changes: dict[str, Held | None] = {}
        for key, held in self.held.items():
            match standing(held, now=now, aging=aging, blind_since=blind_since):
                case Standing.WITHDRAWN:
                    changes[key] = None
                case Standing.OFFLINE if not held.offline:
                    changes[key] = replace(held, missing=held.missing or now, offline=True)
                case _:
                    pass
            yield
        return Difference(changes)

    def judge(self, rules: Rules) -> Steps:
        """What is not acceptable any more under ``rules``, which may have become stricter."""
        changes: dict[str, Held | None] = {}
        for key, held in self.held.items():
            if not still_good(held.sighting, rules):
                changes[key] = None
            yield
        return Difference(changes)

    def accept(self, changes: Mapping[str, Held | None]) -> None:
        """Take over changes that were stored."""
        for key, held in changes.items():
            if held is None:
                self.held.pop(key, None)
            else:
                self.held[key] = held


def _clean(problem: Problem, source: str) -> Problem:
    """A refusal by a source, whose words may be a stranger's, as it may be stored and shown."""
    code = str(problem.code)
    return Problem(
        f"{source}: {_plain(problem.subject)}",
        code if code.isascii() and code.isidentifier() and len(code) <= MAX_CODE else "malformed_record",
        _plain(problem.detail),
        _plain(problem.hint),
    )


def _plain(text: object) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))[:MAX_WORDS]


def _found(known: Mapping[Candidate, Sighting], candidate: Candidate) -> Sighting | None:
    try:
        return known.get(candidate)
    except TypeError:  # a plugin put a list where a tuple belongs: the guard says so
        return None


def _chosen(
    said: list[tuple[str, Sighting]], before: Held | None
) -> tuple[Sighting, Iterable[tuple[str, Sighting]]]:
    """Of several records of one node: the identity that the source gave it before, then the first name."""
    if len(said) == 1:
        return said[0][1], ()

    def place(one: tuple[str, Sighting]) -> tuple[bool, str, str]:
        return before is None or one[1].spiffe_id != before.spiffe_id, one[0], repr(one[1])

    first, *others = sorted(said, key=place)
    return first[1], others


def _repeated(source: str, chosen: Sighting, subject: str, other: Sighting) -> Problem:
    same = chosen.spiffe_id == other.spiffe_id
    return Problem(
        f"{source}: {ascii(subject)[:80]}",
        "duplicate_node" if same else "identity_conflict",
        f"expected one record of {chosen.node_key}, got another one"
        + ("" if same else f", which says {other.spiffe_id} and not {chosen.spiffe_id}"),
        "ask whoever publishes the records to take one of them away",
    )


def _confirmed(before: Held | None, said: Sighting, *, now: datetime) -> Held:
    """What is held after the source said ``said``; a shorter time to live alone is no news."""
    if before is None or before.spiffe_id != said.spiffe_id:
        return Held(sighting=said, since=now)
    present = before.sighting
    if said.ttl <= present.ttl and replace(said, ttl=present.ttl) == present:
        said = present
    return Held(sighting=said, since=before.since)
