"""Every failure becomes a problem document here, and nothing of its own text leaves the process."""

from uuid import uuid4

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from control_plane.admin.problems import ApiError, Refusal, response
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import ConflictError, ForbiddenError, MissingError, UnavailableError

_log = structlog.get_logger()

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)

_HTTP = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost middleware: names the request, answers its errors, and closes what was not read."""
    request[REQUEST_ID] = str(uuid4())
    try:
        answer = await handler(request)
    except Exception as error:  # noqa: BLE001 - the outermost place; what is not known is logged in full
        refusal = refusal_of(error)
        if refusal.code == "internal_error":
            _log.exception("a request of the admin API failed", request_id=request[REQUEST_ID])
        answer = response(refusal)
    if not request.content.is_eof():
        answer.force_close()
    answer.headers["X-Request-ID"] = request[REQUEST_ID]
    answer.headers[hdrs.SERVER] = "proxenia"
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


_KNOWN: dict[type[Exception], Refusal] = {
    UnavailableError: Refusal("unavailable", "the database does not answer, nothing was changed"),
    ConflictError: Refusal("changed_meanwhile", "it is not what it was a moment ago, nothing was changed"),
    MissingError: Refusal("not_found", "it does not exist (any more), nothing was changed"),
    ForbiddenError: Refusal("not_permitted", "this caller may not do that"),
}


def refusal_of(error: Exception) -> Refusal:
    """What a client is told of ``error``; ``internal_error`` for what nobody foresaw."""
    match error:
        case ApiError():
            return error.refusal
        case InvalidValueError():
            return Refusal(error.code, error.detail)
        case web.HTTPException():
            return _http_refusal(error)
        case _:
            unknown = Refusal("internal_error", "this is not your fault; the log knows more")
            return _KNOWN.get(type(error), unknown)


def _http_refusal(error: web.HTTPException) -> Refusal:
    allow = {"Allow": error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
    return Refusal(_HTTP.get(error.status, "bad_request"), error.reason.lower(), headers=allow)
