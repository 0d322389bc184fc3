"""Nodes, resources and grants as a file declares them: all of it in one transaction, or its difference.

What is declared is created or replaced as a whole; what is not named stays. Agreements are not declared: who
is trusted is decided one by one, by somebody who has compared fingerprints.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import JsonValue, TypeAdapter

from control_plane.admin.bulk import DEADLINE
from control_plane.admin.ledger import Deed, perform
from control_plane.admin.nodes import check_partner
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.problems import MAX_ERRORS, FieldError, body_error
from control_plane.admin.references import check_served, known_nodes
from control_plane.admin.tokens import Role
from control_plane.model.change import TYPES, Kind, Value
from control_plane.model.grant import Grant
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Node
from control_plane.model.problem import InvalidValueError
from control_plane.model.resource import Resource
from control_plane.ports.objects import Stored

_ADAPTERS: dict[Kind, TypeAdapter[Any]] = {
    kind: TypeAdapter(TYPES[kind]) for kind in (Kind.NODE, Kind.RESOURCE, Kind.GRANT)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What shall be; ``dry_run`` only asks what would change."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    nodes: tuple[Node, ...] = ()
    resources: tuple[Resource, ...] = ()
    grants: tuple[Grant, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of an object; null where there was, or will be, none."""

    field: str
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes of one object."""

    kind: Kind
    key: str
    action: Literal["create", "change"]
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was changed, or would be; ``revision`` is null when nothing was written."""

    dry_run: bool
    revision: int | None
    unchanged: int
    changes: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One declared object and its place in the body."""

    kind: Kind
    value: Node | Resource | Grant
    path: str


@route(
    Operation(
        "POST",
        f"{API}/federation/apply",
        Declaration,
        Applied,
        "Create or replace declared nodes, resources and grants, all or none",
        role=Role.OPERATOR,
        deadline=DEADLINE,
    )
)
async def apply(call: Call, declaration: Declaration) -> Reply:
    """Compare, and write what differs."""
    entries = list(_entries(declaration))
    _refuse(_repeated(entries))
    _refuse(_broken(entries, await _rules(call, declaration)))
    differing = [
        (entry, stored)
        for entry in entries
        if (stored := await call.deps.objects.get(entry.kind, entry.value.key)) is None
        or _declared(stored.value) != entry.value
    ]
    revision = None
    if differing and not declaration.dry_run:
        revision = await perform(call, [_deed(entry, stored) for entry, stored in differing])
    applied = Applied(
        dry_run=declaration.dry_run,
        revision=revision,
        unchanged=len(entries) - len(differing),
        changes=tuple(_difference(entry, stored) for entry, stored in differing),
    )
    return Reply(applied, revision)


def _entries(declaration: Declaration) -> Iterator[_Entry]:
    parts: tuple[tuple[Kind, str, tuple[Node | Resource | Grant, ...]], ...] = (
        (Kind.NODE, "nodes", declaration.nodes),
        (Kind.RESOURCE, "resources", declaration.resources),
        (Kind.GRANT, "grants", declaration.grants),
    )
    for kind, name, values in parts:
        for number, value in enumerate(values):
            yield _Entry(kind, value, f"/{name}/{number}")


def _repeated(entries: Iterable[_Entry]) -> Iterator[FieldError]:
    seen: dict[tuple[Kind, str], str] = {}
    for entry in entries:
        other = seen.setdefault((entry.kind, entry.value.key), entry.path)
        if other != entry.path:
            detail = f"expected each {entry.kind} once, got {entry.value.key} at {other} too"
            yield FieldError(entry.path, "declared_twice", detail)


Rules = dict[Kind, Callable[[Any], None]]


async def _rules(call: Call, declaration: Declaration) -> Rules:
    """The rules that single requests apply; what is declared together may name each other."""
    own, objects = call.deps.own, call.deps.objects
    nodes = await known_nodes(objects, {resource.organisation for resource in declaration.resources})
    for node in declaration.nodes:
        nodes.setdefault(node.organisation, set()).add(node.node_id)
    offered: set[str] = {resource.name for resource in declaration.resources if resource.organisation == own}
    for name in {grant.resource for grant in declaration.grants} - offered:
        if await objects.get(Kind.RESOURCE, f"{name}@{own}") is not None:
            offered.add(name)
    return {
        Kind.NODE: partial(check_partner, own),
        Kind.RESOURCE: partial(check_served, own, nodes),
        Kind.GRANT: partial(_check_grant, own, offered),
    }


def _declared(value: Value) -> Value:
    """What of a stored object can be declared: an approval is given, and lasts until the grant is another."""
    return replace(value, approved_by="") if isinstance(value, Grant) else value


def _check_grant(own: TrustDomain, offered: set[str], grant: Grant) -> None:
    if grant.approved_by:
        raise InvalidValueError(
            "bad_approval", "expected a grant that nobody approved yet: approve it by its name"
        )
    if grant.organisation == own:
        raise InvalidValueError(
            "own_organisation", f"expected a partner as subject, got {grant.subject} of our own"
        )
    if grant.resource not in offered:
        raise InvalidValueError("unknown_resource", f"expected a resource of {own}, got {grant.resource}")


def _broken(entries: Iterable[_Entry], rules: Rules) -> Iterator[FieldError]:
    for entry in entries:
        try:
            rules[entry.kind](entry.value)
        except InvalidValueError as fault:
            yield FieldError(entry.path, fault.code, fault.detail)


def _refuse(errors: Iterator[FieldError]) -> None:
    """Raise ApiError with the first of them, if there is any."""
    first = [error for error, _ in zip(errors, range(MAX_ERRORS), strict=False)]
    if first:
        raise body_error(first)


def _deed(entry: _Entry, stored: Stored | None) -> Deed:
    return Deed("apply", entry.kind, entry.value.key, entry.value, stored)


def _difference(entry: _Entry, stored: Stored | None) -> Difference:
    before = _document(entry.kind, stored.value) if stored else {}
    after = _document(entry.kind, entry.value)
    return Difference(
        kind=entry.kind,
        key=entry.value.key,
        action="change" if stored else "create",
        fields=tuple(
            FieldChange(field=name, before=before.get(name), after=value)
            for name, value in after.items()
            if name not in before or before[name] != value
        ),
    )


def _document(kind: Kind, value: Value) -> dict[str, JsonValue]:
    document: dict[str, JsonValue] = _ADAPTERS[kind].dump_python(value, mode="json")
    return document


ROUTES = (apply,)
