"""``Idempotency-Key``: a request that is repeated with its key is done once, and answered as it was.

A key belongs to whoever sends it, for a day. With another request it is refused, and while the first is being
worked on too. A refused request frees its key: nothing was done.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from control_plane.admin.answers import refusal_of
from control_plane.admin.codes import code_of
from control_plane.admin.operation import Keyed, Operation
from control_plane.admin.problems import ApiError
from control_plane.model.identity import shown
from control_plane.ports.answers import (
    AnswerKey,
    AnswerKeys,
    KeptAnswer,
    KeyInUseError,
    KeyReusedError,
    KeyUnfinishedError,
    Turn,
)
from control_plane.ports.errors import UnavailableError

if TYPE_CHECKING:
    from hashlib import _Hash

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEPT = 1 << 20  # bytes of an answer
MARGIN = 30.0  # seconds after the deadline in which a request may still be worked on
DIGEST: "web.RequestKey[_Hash]" = web.RequestKey("digest", object)  # type: ignore[arg-type]  # hashlib names no type
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z", re.ASCII)
_KEPT_HEADERS = (hdrs.ETAG, hdrs.LOCATION, hdrs.CONTENT_TYPE)
_SERVER_ERROR = 500

Do = Callable[[], Awaitable[web.StreamResponse]]


def key_of(request: web.Request, operation: Operation[Any]) -> str | None:
    """The key of a request that can have one, whose body is from now on digested. Raises ApiError."""
    given = request.headers.getall(HEADER, [])
    if not given or not operation.takes_key:
        return None
    if len(given) > 1 or not _KEY.match(given[0]):
        raise ApiError(
            "bad_key", f"expected one key of 1 to 255 visible ASCII characters, got {shown(given[0])}"
        )
    begin = (operation.method, request.raw_path, operation.media, request.headers.get(hdrs.IF_MATCH, ""))
    request[DIGEST] = sha256("\0".join(begin).encode("utf-8", "surrogateescape") + b"\0")
    return given[0]


async def once(
    keys: AnswerKeys | None, operation: Operation[Any], key: AnswerKey, do: Do
) -> web.StreamResponse:
    """The answer of ``do``, or the one that it gave before. Raises ApiError."""
    if keys is None:
        raise ApiError("unavailable", "expected a store that keeps answers, got none: send no key")
    done = False
    try:
        async with _turn(keys, operation, key) as turn:
            if turn.earlier is not None:
                return _replayed(turn.earlier)
            answer = await _done(turn, do)
            done = True
            turn.answer = _kept(answer, secret=operation.keyed is Keyed.SECRET)
    except (KeyInUseError, KeyReusedError, KeyUnfinishedError) as error:
        raise _refused(error) from error
    except UnavailableError as error:
        if not done:
            raise
        raise ApiError("outcome_unknown", "no word from the database: repeat it with the same key") from error
    return answer


def _refused(error: Exception) -> ApiError:
    match error:
        case KeyInUseError():
            return ApiError(
                "key_in_use", "the first request with this key is not done", headers={"Retry-After": "1"}
            )
        case KeyReusedError():
            return ApiError("key_reused", "expected the request that this key was used for, got another")
        case _:
            return ApiError("key_unfinished", "a request with this key began, and has no answer")


def _turn(keys: AnswerKeys, operation: Operation[Any], key: AnswerKey) -> AbstractAsyncContextManager[Turn]:
    if operation.keyed is Keyed.TOGETHER:
        return keys.together(key)
    return keys.apart(key, within=operation.deadline + MARGIN)


async def _done(turn: Turn, do: Do) -> web.StreamResponse:
    turn.unsure = True  # also when we are cancelled
    try:
        return await do()
    except Exception as error:
        turn.unsure = code_of(refusal_of(error).code).status >= _SERVER_ERROR
        raise


def _kept(answer: web.StreamResponse, *, secret: bool) -> KeptAnswer:
    headers = {str(name): answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    body = answer.body if isinstance(answer, web.Response) else None
    whole = body if isinstance(body, bytes) else (b"" if body is None else None)
    too_much = whole is None or len(whole) > MAX_KEPT
    return KeptAnswer(answer.status, headers, None if secret or too_much else whole)


def _replayed(kept: KeptAnswer) -> web.Response:
    if kept.body is None:
        raise ApiError("answer_not_kept", "it was done; its answer was told once, and is not kept")
    return web.Response(
        status=kept.status, body=kept.body or None, headers={**kept.headers, REPLAYED: "true"}
    )
