"""Giving and taking back the approval that a grant waits for."""

from dataclasses import dataclass, replace
from typing import ClassVar

from control_plane.admin.ledger import Deed, perform
from control_plane.admin.operation import API, Call, Operation, Reply, Route, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import find, read_back, value_of
from control_plane.admin.tokens import Role
from control_plane.admin.views import GrantView, grant_view
from control_plane.model.change import Kind
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId

GRANT = f"{API}/federation/grants/{{key}}"


@dataclass(frozen=True, slots=True)
class Approval:
    """Its name, as the grant's conditions have it: so that nobody approves something else than was meant."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    approval: ObjectId


def _verb(verb: str, summary: str, *, gives: bool) -> Route:
    operation = Operation("POST", f"{GRANT}/{verb}", Approval, GrantView, summary, role=Role.OPERATOR)

    @route(operation)
    async def run(call: Call, given: Approval) -> Reply:
        stored = await find(call, Kind.GRANT, call.path["key"])
        grant = value_of(stored, Grant)
        if grant.conditions.approval != given.approval:
            waits = grant.conditions.approval or "no approval"
            raise ApiError("bad_approval", f"expected {waits}, got {given.approval}")
        after = replace(grant, approved_by=call.actor if gives else "")
        await perform(call, [Deed(verb, Kind.GRANT, grant.key, after, stored)])
        written = await read_back(call, Kind.GRANT, grant.key)
        return Reply(grant_view(written), written.revision)

    return run


ROUTES = (
    _verb("approve", "Give the approval that a grant waits for, by its name", gives=True),
    _verb("disapprove", "Take an approval back: the grant is not in force any more", gives=False),
)
