"""From where an operator's request came, for whoever records deeper down what is done because of it.

It belongs to the task that serves the request, and to those that this one starts. What runs on a schedule has
none.
"""

from contextvars import ContextVar
from typing import NamedTuple


class Origin(NamedTuple):
    """``via`` is an address, or a user of this machine, as the kernel says."""

    via: str = ""
    request_id: str = ""


_NOWHERE = Origin()
_CURRENT: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def begin(via: str, request_id: str) -> None:
    """What follows in this task is done for this request."""
    _CURRENT.set(Origin(via, request_id))


def request_id() -> str:
    """The id that the request was answered with; empty when there is none."""
    return _CURRENT.get().request_id


def facts() -> dict[str, str]:
    """What an audit event says of it."""
    via = _CURRENT.get().via
    return {"from": via} if via else {}
