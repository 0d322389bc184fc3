"""A page of the audit as one statement: newest first, after a key, by the index that its filters name.

Only filters that are set are in it, so that the planner sees which index serves. Some indexes hold only the
rare rows; the condition of such an index is written out beside the filter, so that it serves whatever the
value is.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditQuery
from control_plane.store.audit_rows import position
from control_plane.store.crossings import PARTNER

_EQUAL = ("correlation_id", "principal", "resource", "reporter", "decision", "event_type", "capability")
_USUAL = {"decision": "allowed", "event_type": "cross_org_request", "capability": ""}
"""What most rows have; the others are in a small index of their own."""

_ORDER = "ORDER BY timestamp DESC, event_id DESC"


class _Conditions:
    """Conditions joined by and, and the arguments of their parameters."""

    def __init__(self) -> None:
        self.arguments: list[Any] = []
        self._texts: list[str] = []

    def add(self, text: str, *values: object) -> None:
        """Each ``{}`` of ``text`` stands for the parameter of one value."""
        self._texts.append(text.format(*(self.parameter(value) for value in values)))

    def parameter(self, value: object) -> str:
        """The name of a parameter with this value."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def where(self, *more: str) -> str:
        """All conditions, with some more."""
        texts = [*self._texts, *more]
        return f"WHERE {' AND '.join(texts)}" if texts else ""


def statement(query: AuditQuery, columns: Sequence[str]) -> tuple[str, list[Any]]:
    """The statement that reads ``columns`` of the rows that match, and its arguments."""
    conditions = _conditions(query)
    limit = conditions.parameter(query.limit)
    names = ", ".join(columns)
    if not query.node:
        return _select(names, conditions.where(), limit), conditions.arguments
    node = conditions.parameter(query.node)
    # Our own gateways report what they do; a partner's node is the target of what we sent to it.
    reported = _select(names, conditions.where(f"reporter = {node}"), limit)
    target = f"target_node = {node} AND target_node <> '' AND direction = 'egress'"
    called = _select(names, conditions.where(target), limit)
    # Names are often the same on both sides, so most rows may be both; leaving them out of one part would
    # mean to read them all.
    once = f"SELECT DISTINCT ON (timestamp, event_id) {names}"
    both = f"{once} FROM (({reported}) UNION ALL ({called})) AS found {_ORDER} LIMIT {limit}"
    return both, conditions.arguments


def within(query: AuditQuery, first: int, end: int, names: str) -> tuple[str, list[Any]]:
    """The statement that reads sealed rows from number ``first`` to ``end`` in the order of the log.

    Only ``query.limit`` of those that match; its ``after`` is of no account here.
    """
    conditions = _conditions(replace(query, after=""))
    start, stop = conditions.parameter(first), conditions.parameter(end)
    if query.node:
        conditions.add(
            "(reporter = {} OR (target_node = {} AND direction = 'egress'))", query.node, query.node
        )
    # The seal that holds the first number may begin before it.
    before = f"(SELECT coalesce(max(first), 0) FROM audit_seals WHERE first <= {start})"  # noqa: S608 - a parameter
    where = conditions.where(
        f"s.first >= {before}",
        f"s.first < {stop}",
        f"s.first + e.place >= {start}",
        f"s.first + e.place < {stop}",
    )
    limit = conditions.parameter(query.limit)
    text = f"""
    SELECT s.first + e.place AS number, {names} FROM audit_seals s JOIN audit_events e ON e.batch = s.batch
    {where} ORDER BY s.first, e.place LIMIT {limit}
    """  # noqa: S608 - values are parameters
    return text, conditions.arguments


def _conditions(query: AuditQuery) -> _Conditions:
    conditions = _Conditions()
    for name in _EQUAL:
        wanted = getattr(query, name)
        if not wanted:
            continue
        conditions.add(f"{name} = {{}}", wanted)
        usual = _USUAL.get(name)
        if usual is not None and wanted != usual:
            conditions.add(f"{name} <> '{usual}'")
    if query.organisation:
        conditions.add(f"{PARTNER} = {{}}", query.organisation)
    if query.since is not None:
        conditions.add("timestamp >= {}", query.since)
    if query.until is not None:
        conditions.add("timestamp < {}", query.until)
    if query.after:
        moment, event_id = _after(query.after)
        # The first bound lets the planner leave out whole days.
        conditions.add("timestamp <= {} AND (timestamp, event_id) < ({}, {})", moment, moment, event_id)
    return conditions


def _select(names: str, where: str, limit: str) -> str:
    return f"SELECT {names} FROM audit_events {where} {_ORDER} LIMIT {limit}"  # noqa: S608 - values are parameters


def _after(cursor: str) -> tuple[object, str]:
    try:
        return position(cursor)
    except ValueError as error:
        raise InvalidValueError(
            "bad_cursor", f"expected 'timestamp|event_id' of a page's last row, got {shown(cursor)}"
        ) from error
