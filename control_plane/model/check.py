"""What a check of everything finds: groups of findings, each with a stable code and a next step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

TOLD = 3  # findings that the first line names


class Level(StrEnum):
    """How a finding is; ``skipped``: it could not, or need not, be looked at."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    PROBLEM = "problem"


_ORDER = tuple(Level)


def worst(levels: Iterable[Level]) -> Level:
    """The worst of them; ``skipped`` only where there is nothing else."""
    found = set(levels)
    if found == {Level.SKIPPED}:
        return Level.SKIPPED
    return max(found - {Level.SKIPPED}, key=_ORDER.index, default=Level.OK)


@dataclass(frozen=True, slots=True)
class Said:
    """What the other side finds of the same thing; a dash for a code: nothing is wrong."""

    level: Level
    detail: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that was looked at. ``code`` is empty when nothing is wrong; ``hint`` is the next step.

    ``theirs`` is what a partner's control plane says of the same, when there is one to say something.
    """

    subject: str
    level: Level
    detail: str
    code: str = ""
    hint: str = ""
    theirs: Said | None = None

    @property
    def whole(self) -> Level:
        """The worse of both sides."""
        return self.level if self.theirs is None else worst((self.level, self.theirs.level))


@dataclass(frozen=True, slots=True)
class CheckGroup:
    """Findings about one part."""

    name: str
    level: Level
    findings: tuple[CheckFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``verdict`` is ``ok``, ``warning`` or ``problem``; ``summary`` names the causes in one line."""

    verdict: Level
    summary: str
    groups: tuple[CheckGroup, ...]


def group_of(name: str, findings: Sequence[CheckFinding]) -> CheckGroup:
    """A group as bad as its worst finding."""
    return CheckGroup(name, worst(finding.whole for finding in findings), tuple(findings))


def report_of(groups: Sequence[CheckGroup]) -> Report:
    """All groups with the first line that says what is wrong, the worst first."""
    found = [(group, finding) for group in groups for finding in group.findings]
    bad = [one for level in (Level.PROBLEM, Level.WARNING) for one in found if one[1].whole is level]
    verdict = worst(group.level for group in groups)
    if not bad:
        looked = sum(finding.whole is Level.OK for _, finding in found)
        return Report(verdict=Level.OK, summary=f"{looked} checks, nothing is wrong", groups=tuple(groups))
    named = [_named(group, finding) for group, finding in bad[:TOLD]]
    if len(bad) > TOLD:
        named.append(f"and {len(bad) - TOLD} more")
    return Report(verdict=verdict, summary="; ".join(named), groups=tuple(groups))


def _named(group: CheckGroup, finding: CheckFinding) -> str:
    said = finding.theirs
    if said is not None and said.level is finding.whole and finding.level is not finding.whole:
        return f"{group.name}: {finding.subject}: they say {said.code}"
    return f"{group.name}: {finding.subject}: {finding.code}"
