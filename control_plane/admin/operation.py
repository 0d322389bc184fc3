"""What the API can do, as values: a handler carries its path, method, role, input and answer.

The server is built from these, and so can its OpenAPI document be. Each module lists its routes; nothing
registers itself.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.tokens import Role

API = "/api/v1"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"
MAX_BODY = 1 << 20
MAX_BULK = 16 << 20

Input = TypeVar("Input")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Nothing:
    """The input of an operation that takes none."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - pydantic reads it from the class


class Line(NamedTuple, Generic[Item]):
    """One line of a JSON lines body, with its number from 1."""

    number: int
    value: Item


def group_of(path: str) -> str:
    """The group of an operation: what it is about, by its path."""
    words = path.removeprefix(API).strip("/").split("/")
    return words[1] if words[0] == "federation" and len(words) > 1 else words[0]


class Keyed(StrEnum):
    """What an ``Idempotency-Key`` does for a request that changes something."""

    TOGETHER = "together"  # all that is done is written to objects: change and answer are one transaction
    APART = "apart"  # more is done than that: that it began is written first
    SECRET = "secret"  # noqa: S105 - the same, and the answer is told only once


@dataclass(frozen=True, slots=True)
class Operation(Generic[Input]):
    """One thing that the API does.

    ``takes`` is what the body holds (the query, for GET and DELETE), ``answers`` the type of the answer
    (None: no content). ``role`` None means that no token is needed. ``deadline`` is in seconds.
    """

    method: str
    path: str
    takes: type[Input]
    answers: Any
    summary: str
    role: Role | None = Role.VIEWER
    media: str = JSON
    status: int = 200
    deadline: float = 5.0
    largest: int = MAX_BODY  # bytes of a body that is one document
    produces: str = JSON  # of any other type, the handler's value is the text of the answer
    keyed: Keyed = Keyed.TOGETHER

    @property
    def takes_query(self) -> bool:
        """Whether the input is in the query and there is no body."""
        return self.method in {"GET", "DELETE"}

    @property
    def takes_key(self) -> bool:
        """Whether a key makes sure that it is done once: what only reads needs none."""
        return self.method == "POST" and self.role is not None and self.role.covers(Role.OPERATOR)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, authenticated: ``path`` are its parameters, ``if_match`` the revision that must hold."""

    deps: Dependencies
    actor: str
    request_id: str
    path: Mapping[str, str]
    if_match: int | None = None
    role: Role = Role.VIEWER  # of the actor
    via: str = ""  # from where
    groups: frozenset[str] = frozenset()  # that the actor's token is for; none: all
    last_event_id: str = ""  # of a stream that is resumed


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers; ``revision`` becomes the ETag."""

    value: object = None
    revision: int | None = None
    location: str = ""
    status: int | None = None  # None: the operation's


Handler = Callable[[Call, Any], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and the function that does it."""

    operation: Operation[Any]
    run: Handler


def route(operation: Operation[Input]) -> Callable[[Callable[[Call, Input], Awaitable[Reply]]], Route]:
    """Bind a handler to what it does."""
    return lambda run: Route(operation, run)


def bulk_route(
    operation: Operation[Input],
) -> Callable[[Callable[[Call, tuple[Line[Input], ...]], Awaitable[Reply]]], Route]:
    """Bind a handler that takes every line of a JSON lines body at once."""
    return lambda run: Route(operation, run)
