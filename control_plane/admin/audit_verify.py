"""Whether the audit is still what it was: some seconds of verification, and where to go on."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.admin.moments import Moment
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.model.problem import InvalidValueError
from control_plane.ports.verification import Scope, Verified

PATH = f"{API}/audit/verify"
SECONDS = 2.0  # of work for one answer
DEADLINE = 60.0  # seconds; a piece of the log is always finished
MAX_CURSOR = 100  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyQuery:
    """From the day of ``since`` up to ``until``; ``after`` is the ``next`` of the answer before."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    since: Moment | None = None
    until: Moment | None = None
    after: str = ""

    def __post_init__(self) -> None:
        if len(self.after) > MAX_CURSOR:
            raise InvalidValueError("bad_parameter", "expected the next of an answer as after, got more")


@route(
    Operation(
        "GET",
        PATH,
        VerifyQuery,
        Verified,
        "Whether the audit is what it was: a part of the log, and where to go on",
        deadline=DEADLINE,
    )
)
async def verify(call: Call, wanted: VerifyQuery) -> Reply:
    """Verify a part; ``next`` is null at the end, ``bad`` names the first thing that is wrong."""
    if call.deps.verifying is None:
        raise ApiError("log_off", "this control plane does not keep the audit as a log")
    scope = Scope(since=wanted.since, until=wanted.until, after=wanted.after)
    try:
        return Reply(await call.deps.verifying.verify(scope, within=SECONDS))
    except InvalidValueError as error:
        raise ApiError("bad_parameter", error.detail) from error


ROUTES = (verify,)
