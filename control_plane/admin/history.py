"""What was changed by whom, and back to what was: a new revision that restores an earlier one.

Only what traffic is made of goes back: nodes, resources, groups and grants. Trust does not: an agreement that
was revoked, or anchors that were replaced, never come back by way of history. An approval has to be given
again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from control_plane.admin.ledger import Deed, perform
from control_plane.admin.listing import MAX_PAGE, Page, cut
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind, Value
from control_plane.model.grant import Grant
from control_plane.model.problem import InvalidValueError
from control_plane.ports.history import History, Then

HISTORY = f"{API}/federation/history"
ROLLBACK = f"{API}/federation/rollback"
RESTORED = frozenset({Kind.NODE, Kind.RESOURCE, Kind.GROUP, Kind.GRANT})
MOST = 5_000  # objects that one rollback restores
_NAMED = 100
_LAST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """The last ``limit`` changes before revision ``before`` (0: the newest)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    before: int = 0
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE or not 0 <= self.before < _LAST:
            raise InvalidValueError("bad_parameter", f"expected a limit from 1 to {MAX_PAGE}, and a revision")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView:
    """One change; ``named`` are the first of its objects."""

    revision: int
    at: datetime
    actor: str
    objects: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Back to the objects of ``revision``; with ``dry_run`` it is only said what that would change."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    revision: int
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.revision < _LAST:
            raise InvalidValueError("bad_parameter", f"expected a revision from 0, got {self.revision}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The new revision (null: nothing was changed), and what it restored or took away, at most 100 named."""

    revision: int | None
    objects: int
    restored: tuple[str, ...]
    removed: tuple[str, ...]


def _history(call: Call) -> History:
    if call.deps.history is None:
        raise ApiError("unavailable", "expected a store with a history, got none")
    return call.deps.history


@route(Operation("GET", HISTORY, HistoryQuery, Page[RevisionView], "Changes of objects, newest first"))
async def list_history(call: Call, query: HistoryQuery) -> Reply:
    """One page."""
    found = await _history(call).revisions(before=query.before, limit=query.limit + 1)
    shown, following = cut(found, query.limit, lambda each: str(each.revision))
    views = tuple(
        RevisionView(
            revision=each.revision, at=each.at, actor=each.actor, objects=each.objects, named=each.named
        )
        for each in shown
    )
    return Reply(Page(views, following))


@route(Operation("POST", ROLLBACK, Rollback, Restored, "Restore what was", role=Role.OPERATOR, deadline=30.0))
async def roll_back(call: Call, wanted: Rollback) -> Reply:
    """One change that makes nodes, resources, groups and grants what they were."""
    found = await _history(call).differences(wanted.revision, RESTORED, limit=MOST + 1)
    if len(found) > MOST:
        raise ApiError("too_much_at_once", f"expected at most {MOST} objects to restore, got more")
    deeds = [_deed(each) for each in found]
    revision = await perform(call, deeds) if deeds and not wanted.dry_run else None
    return Reply(
        Restored(
            revision=revision,
            objects=len(deeds),
            restored=tuple(f"{deed.kind} {deed.key}" for deed in deeds if deed.after is not None)[:_NAMED],
            removed=tuple(f"{deed.kind} {deed.key}" for deed in deeds if deed.after is None)[:_NAMED],
        )
    )


def _deed(then: Then) -> Deed:
    return Deed("rollback", then.kind, then.key, _safely(then.then), then.now)


def _safely(then: Value | None) -> Value | None:
    """An approval is not history's to give."""
    return replace(then, approved_by="") if isinstance(then, Grant) else then


ROUTES = (list_history, roll_back)
