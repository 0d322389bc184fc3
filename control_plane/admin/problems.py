"""Errors as RFC 9457 problem documents. Nothing of an exception's own text reaches a client, only these."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from control_plane.admin.codes import CODES, code_of
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20  # told at once; more only hide the first ones
RETRY_AFTER = "2"  # seconds
DOCUMENTED_AT = "/api/docs#code-"  # where each code is explained

_CODES = {
    "missing": "missing_field",
    "unexpected_keyword_argument": "unknown_field",
    "extra_forbidden": "unknown_field",
    "enum": "bad_choice",
    "literal_error": "bad_choice",
    "json_invalid": "malformed_json",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault: ``path`` is a JSON pointer into the body or the query, ``line`` that of a bulk body."""

    path: str
    code: str
    detail: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error is answered with."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return code_of(self.code).status


class ApiError(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.refusal = Refusal(code, detail, tuple(errors), headers or {})


def response(refusal: Refusal) -> web.Response:
    """The problem document of ``refusal``."""
    known = code_of(refusal.code)
    document: dict[str, object] = {
        "type": f"{DOCUMENTED_AT}{refusal.code if refusal.code in CODES else 'invalid_value'}",
        "title": known.title,
        "status": known.status,
        "detail": refusal.detail,
        "code": refusal.code,
        "hint": known.hint,
        "errors": [_error_document(error) for error in refusal.errors],
    }
    headers = dict(refusal.headers)
    if known.status == web.HTTPServiceUnavailable.status_code:
        headers.setdefault("Retry-After", RETRY_AFTER)
    return web.Response(
        status=known.status, text=json.dumps(document), content_type=MEDIA_TYPE, headers=headers
    )


def _error_document(error: FieldError) -> dict[str, object]:
    document: dict[str, object] = {"path": error.path, "code": error.code, "detail": error.detail}
    return document if error.line is None else document | {"line": error.line}


def field_errors(fault: ValidationError, *, line: int | None = None) -> list[FieldError]:
    """What pydantic found, in our words; the model's own rules keep their codes."""
    found = fault.errors(include_url=False, include_input=False)
    return [_field_error(error, line) for error in found[:MAX_ERRORS]]


def _field_error(error: ErrorDetails, line: int | None) -> FieldError:
    path = "".join(f"/{shown(part)[1:-1] if isinstance(part, str) else part}" for part in error["loc"])
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValueError):
        return FieldError(path, cause.code, cause.detail, line)
    kind = error["type"]
    code = _CODES.get(kind, "wrong_type" if kind.endswith("_type") else "invalid_value")
    detail = error["msg"]
    return FieldError(path, code, detail[:1].lower() + detail[1:], line)


def body_error(errors: Sequence[FieldError]) -> ApiError:
    """One error names its own code; several are ``invalid_body``."""
    first = errors[0]
    where = f"line {first.line}: " if first.line is not None else ""
    at = f"{first.path}: " if first.path else ""
    if len(errors) == 1:
        return ApiError(first.code, f"{where}{at}{first.detail}", errors=errors)
    detail = f"{len(errors)} errors, the first: {where}{at}{first.detail}"
    return ApiError("invalid_body", detail, errors=errors)
