"""Reading the objects that requests are about, with the errors that callers see."""

from typing import TypeVar

from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError
from control_plane.model.change import Kind, Value
from control_plane.model.identity import shown
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Stored

V = TypeVar("V", bound=Value)

MAX_KEY = 1024  # characters; the longest real key is an id, an @ and a trust domain


def value_of(stored: Stored, model: type[V]) -> V:
    """The value as what its kind says it is. Raises TypeError when the store mixed kinds up."""
    if not isinstance(stored.value, model):
        message = f"expected {stored.key} to be a {model.__name__}, got {type(stored.value).__name__}"
        raise TypeError(message)
    return stored.value


async def find(call: Call, kind: Kind, key: str) -> Stored:
    """The object that a path names, at the revision that the caller expects. Raises ApiError."""
    # PostgreSQL takes no NUL and no lone surrogate; nothing that is stored is named so.
    stored = await call.deps.objects.get(kind, key) if len(key) <= MAX_KEY and key.isprintable() else None
    if stored is None:
        raise ApiError("not_found", f"there is no {kind} {shown(key)}")
    check_revision(call, stored)
    return stored


def check_revision(call: Call, stored: Stored | None) -> None:
    """Raise ApiError when If-Match names another revision than the present one."""
    present = stored.revision if stored else 0
    if call.if_match not in {None, present}:
        raise ApiError("precondition_failed", f"expected revision {call.if_match}, got {present}")


async def refuse_existing(call: Call, kind: Kind, key: str) -> None:
    """Raise ApiError when there is such an object already."""
    if await call.deps.objects.get(kind, key) is not None:
        raise ApiError("already_exists", f"there is a {kind} {key} already")


async def read_back(call: Call, kind: Kind, key: str) -> Stored:
    """What has just been written. Raises ApiError when it cannot be shown any more."""
    try:
        stored = await call.deps.objects.get(kind, key)
    except UnavailableError as error:
        raise ApiError("made_but_unread", f"{kind} {key} was changed, but cannot be read back now") from error
    if stored is None:
        raise ApiError("changed_meanwhile", f"{kind} {key} was written, and removed again by somebody else")
    return stored
