"""Every reference resolves, or the change that breaks it is not published and the last good one stays.

Kept by key: a step looks at the units that changed and at what refers to them, never at all of them.
"""

from collections.abc import Generator, Iterable, Mapping
from typing import NamedTuple

from control_plane.model.federation import Unit
from control_plane.model.problem import Problem
from control_plane.translate.references import Reference, of_resource, of_virtual_hosts
from control_plane.translate.unit import Translated

_HINT = "the last good version stays; this is a defect, please report it"


class _Ends(NamedTuple):
    """What one unit provides, and what it needs."""

    provides: frozenset[Reference] = frozenset()
    needs: frozenset[Reference] = frozenset()


class Consistency:
    """What is provided and what is needed, by unit. ``always`` is there whatever the units do."""

    def __init__(self, always: Iterable[Reference]) -> None:
        self._always = frozenset(always)
        self._ends: dict[Unit, _Ends] = {}
        self._providers: dict[Reference, set[Unit]] = {}
        self._users: dict[Reference, set[Unit]] = {}

    def accept(self, step: Mapping[Unit, Translated | None]) -> Generator[None, None, dict[Unit, Problem]]:
        """Take over ``step`` (None: the unit is gone) except for what would break; returns why, by unit.

        Yields between units, so that a big step need not be taken in one go. Refusing one unit may break
        another of the same step, so this goes on until nothing is broken; before the step all was whole,
        so it ends.
        """
        before: dict[Unit, _Ends] = {}
        for unit, translated in step.items():
            before[unit] = self._replace(unit, _ends(translated))
            yield
        refused: dict[Unit, Problem] = {}
        while True:
            broken: dict[Unit, Problem] = {}
            for unit, old in before.items():
                if unit not in refused and (problem := self._fault(unit, old)):
                    broken[unit] = problem
                yield
            if not broken:
                return refused
            for unit in broken:
                self._replace(unit, before[unit])
            refused |= broken

    def _fault(self, unit: Unit, old: _Ends) -> Problem | None:
        subject = f"{unit.kind} {unit.key}"
        new = self._ends.get(unit, _Ends())
        for needed in new.needs:
            if needed not in self._always and needed not in self._providers:
                detail = f"it refers to {_shown(needed)}, which does not exist"
                return Problem(subject, "dangling_reference", detail, _HINT)
        for provided in new.provides:
            if provided in self._always or len(self._providers[provided]) > 1:
                return Problem(subject, "duplicate_resource", f"{_shown(provided)} exists already", _HINT)
        for gone in old.provides - new.provides:
            if gone in self._users and gone not in self._providers:
                user = min(self._users[gone])
                detail = f"{_shown(gone)} would go, but {user.kind} {user.key} refers to it"
                return Problem(subject, "still_referenced", detail, _HINT)
        return None

    def _replace(self, unit: Unit, new: _Ends) -> _Ends:
        """Take over what ``unit`` provides and needs from now on; returns what it was."""
        old = self._ends.pop(unit, _Ends())
        _move(self._providers, unit, old.provides, new.provides)
        _move(self._users, unit, old.needs, new.needs)
        if new != _Ends():
            self._ends[unit] = new
        return old


def _ends(translated: Translated | None) -> _Ends:
    if translated is None:
        return _Ends()
    needs = {need for resource in translated.resources for need in of_resource(resource)}
    return _Ends(
        frozenset(Reference(r.type_url, r.name, r.scope) for r in translated.resources),
        frozenset(needs.union(of_virtual_hosts(translated.virtual_host))),
    )


def _move(
    units: dict[Reference, set[Unit]], unit: Unit, old: frozenset[Reference], new: frozenset[Reference]
) -> None:
    for reference in old - new:
        units[reference].discard(unit)
        if not units[reference]:
            del units[reference]
    for reference in new - old:
        units.setdefault(reference, set()).add(unit)


def _shown(reference: Reference) -> str:
    return f"{reference.type_url.rpartition('.')[2]} {reference.name}"
