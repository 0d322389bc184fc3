"""Answers that are kept for a day by a key of the caller's, so that a repeated request is done once."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


class KeyInUseError(Exception):
    """A request with this key is being worked on."""


class KeyReusedError(Exception):
    """The key was used for another request."""


class KeyUnfinishedError(Exception):
    """A request with this key began, and what became of it is not known."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was sent; ``body`` None: it was not kept, since it is secret or too large."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """``principal``'s own ``key``; ``fingerprint`` is a digest of all that makes the request what it is."""

    principal: str
    key: str
    fingerprint: bytes


@dataclass(slots=True)
class Turn:
    """Either ``earlier`` is the answer, or the request is to be done and ``answer`` set to what is kept.

    ``unsure`` says that the request ended without our knowing what it did.
    """

    earlier: KeptAnswer | None = None
    answer: KeptAnswer | None = field(default=None)
    unsure: bool = False


class AnswerKeys(Protocol):
    """Each block raises KeyInUseError, KeyReusedError or KeyUnfinishedError when it begins."""

    def together(self, key: AnswerKey) -> AbstractAsyncContextManager[Turn]:
        """What the block writes of objects, and the answer: one transaction. An exception undoes both."""

    def apart(self, key: AnswerKey, *, within: float) -> AbstractAsyncContextManager[Turn]:
        """Note that it begins, then what became of it; ``within`` seconds it is in use at most.

        An exception frees the key, unless the turn is ``unsure``.
        """
