"""The audit for others: followed as it grows, and exported with the proof that it is what it was.

An export is JSON lines, each with a ``type``: ``export`` (what was asked), then parts of the log, each of
``begin``, ``row`` and ``nodes`` (rows that are left out), and a ``head`` that our control plane signed; and
``end``. docs/audit.md says how an outsider verifies it, which ``proxenia audit verify-export`` does.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from control_plane.admin.audit_events import Filters
from control_plane.admin.ledger import note
from control_plane.admin.listing import MAX_PAGE
from control_plane.admin.operation import API, JSON_LINES, Call, Operation, Reply, route
from control_plane.model.audit import AuditEvent
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit_use import Begin, Exported, LeftOut, Numbered, Proven

TAIL = f"{API}/audit/tail"
EXPORT = f"{API}/audit/export"
VERSION = 1
HOLD = 20.0  # seconds that a question for news waits
PAUSE = 0.5
FIND_WITHIN = 300.0  # seconds until an export begins
_MAX_NUMBER = 2**63 - 1

_EVENT: TypeAdapter[AuditEvent] = TypeAdapter(AuditEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class TailQuery(Filters):
    """Which events, from which number on; -1: from now on."""

    after: int = -1
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE or not -1 <= self.after <= _MAX_NUMBER:
            raise InvalidValueError(
                "bad_parameter", f"expected a limit from 1 to {MAX_PAGE} and a number of a row from -1"
            )
        Filters.__post_init__(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Rows in the order of the log; ``next`` is the ``after`` of the next question."""

    items: tuple[AuditEvent, ...]
    next: int


@route(Operation("GET", TAIL, TailQuery, News, "New audit events, waiting for some", deadline=HOLD + 10))
async def tail(call: Call, wanted: TailQuery) -> Reply:
    """Rows that match as soon as they are sealed; after a while without any, none."""
    following, loop = call.deps.following, asyncio.get_running_loop()
    after = wanted.after if wanted.after >= 0 else await following.end()
    until, query = loop.time() + HOLD, replace(wanted.query(), limit=wanted.limit)
    while True:
        found = await following.follow(after, query=query)
        if found.rows or loop.time() >= until:
            return Reply(News(items=tuple(row.event for row in found.rows), next=found.next))
        if found.next == after:
            await asyncio.sleep(PAUSE)
        after = found.next


@route(
    Operation(
        "POST",
        EXPORT,
        Filters,
        str,
        "Audit events with the proof, as JSON lines",
        produces=JSON_LINES,
        deadline=FIND_WITHIN,
    )
)
async def export(call: Call, wanted: Filters) -> Reply:
    """All sealed rows that match, in the order of the log."""
    await note(call, "audit.export", "")
    following, query = call.deps.following, wanted.query()
    numbers = await following.matching(query)
    about = {
        "type": "export",
        "version": VERSION,
        "organisation": call.deps.own,
        "made_at": call.deps.now(),
        "query": {name: value for name, value in _facts(wanted).items() if value},
    }
    found = following.walk(query) if numbers is None else following.export(numbers)
    return Reply(_lines(found, about))


def _facts(wanted: Filters) -> dict[str, str]:
    values = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value or "")
        for name, value in values.items()
    }


async def _lines(found: AsyncIterator[Exported], about: dict[str, Any]) -> AsyncIterator[bytes]:
    yield _line(about)
    rows = 0
    async for one in found:
        rows += isinstance(one, Numbered)
        yield _line(document_of(one))
    yield _line({"type": "end", "rows": rows})


def _line(document: dict[str, Any]) -> bytes:
    return to_json(document) + b"\n"


def document_of(one: Exported) -> dict[str, Any]:
    """One line of an export."""
    match one:
        case Begin():
            return {"type": "begin", "size": one.size, "frontier": one.frontier.hex()}
        case Numbered():
            event = _EVENT.dump_python(one.event, mode="json", exclude={"hash", "previous_hash"})
            return {"type": "row", "number": one.number, "event": event}
        case LeftOut():
            return {"type": "nodes", "nodes": [[level, node.hex()] for level, node in one.nodes]}
        case Proven():
            return {"type": "head", "size": one.size, "signed": one.signed.decode()}


ROUTES = (tail, export)
