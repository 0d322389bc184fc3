"""The input of a request, read within limits and checked against its type before a handler sees it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from control_plane.admin.keyed import DIGEST
from control_plane.admin.operation import JSON_LINES, MAX_BODY, MAX_BULK, Line, Operation
from control_plane.admin.problems import MAX_ERRORS, ApiError, FieldError, Refusal, body_error, field_errors
from control_plane.kit import strict_json
from control_plane.model.identity import shown

READ_WITHIN = 30.0  # seconds for a whole body
MAX_LINES = 20_000
MAX_LINE = 64 << 10
MAX_PARAMETER = 2048  # characters
_SYNTAX: dict[type[Exception], str] = {
    strict_json.DuplicateMemberError: "duplicate_key",
    strict_json.BadNumberError: "bad_number",
    strict_json.TooDeepError: "too_deep",
}
_SLICE = 250  # lines that are read without letting anything else run


async def read_input(request: web.Request, operation: Operation[Any], adapter: TypeAdapter[Any]) -> object:
    """The input of ``operation``; a tuple of inputs for JSON lines. Raises ApiError."""
    if operation.takes_query:
        return _from_query(request, adapter)
    if request.query:
        raise ApiError(
            "unknown_parameter", "expected no query, since the input of this operation is its body"
        )
    try:
        async with asyncio.timeout(READ_WITHIN):
            if operation.media == JSON_LINES:
                return await _from_lines(request, adapter)
            body = await _read(request, operation.largest)
            return _from_json(body, adapter, most=operation.largest)
    except TimeoutError as error:
        raise ApiError("body_too_slow", f"expected the whole body within {READ_WITHIN:g} s") from error


def _from_query(request: web.Request, adapter: TypeAdapter[Any]) -> object:
    parameters: dict[str, str] = {}
    for name, value in request.query.items():
        if name in parameters:
            raise ApiError("bad_parameter", f"expected each parameter once, got {shown(name)} twice")
        # What is not printable never names anything, and PostgreSQL takes no NUL.
        if len(value) > MAX_PARAMETER or not value.isprintable():
            detail = (
                f"expected at most {MAX_PARAMETER} printable characters in {shown(name)}, got {shown(value)}"
            )
            raise ApiError("bad_parameter", detail)
        parameters[name] = value
    try:
        return adapter.validate_strings(parameters)
    except ValidationError as fault:
        errors = field_errors(fault)
        unknown = any(error.code == "unknown_field" for error in errors)
        first = errors[0]
        detail = f"{first.path.removeprefix('/') or 'query'}: {first.detail}"
        raise ApiError("unknown_parameter" if unknown else "bad_parameter", detail, errors=errors) from fault


def _from_json(body: bytes, adapter: TypeAdapter[Any], *, most: int = MAX_BODY) -> object:
    try:
        strict_json.read(body, most=most)
    except strict_json.StrictJsonError as fault:
        raise ApiError(_SYNTAX.get(type(fault), "malformed_json"), str(fault)) from fault
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as fault:
        raise body_error(field_errors(fault)) from fault


async def _read(request: web.Request, limit: int) -> bytes:
    """The body; an absent one is the empty object, so that a missing body is told as its missing fields."""
    body = b"".join([chunk async for chunk in _chunks(request, limit)])
    return body or b"{}"


async def _chunks(request: web.Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives; what is announced as too large is not read at all."""
    if (request.content_length or 0) > limit:
        raise ApiError("body_too_large", f"expected at most {limit} bytes, got {request.content_length}")
    size, digest = 0, request.get(DIGEST)
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if digest is not None:
            digest.update(chunk)
        if size > limit:
            raise ApiError("body_too_large", f"expected at most {limit} bytes, got more")
        yield chunk


async def _from_lines(request: web.Request, adapter: TypeAdapter[Any]) -> tuple[Line[object], ...]:
    """Every line's input; the errors of the first faulty lines are told together."""
    found: list[Line[object]] = []
    errors: list[FieldError] = []
    async for number, line in _lines(request):
        if len(found) == MAX_LINES:
            raise ApiError("too_many_lines", f"expected at most {MAX_LINES} lines, got more")
        try:
            found.append(Line(number, _from_json(line, adapter)))
        except ApiError as fault:
            errors.extend(_on_line(number, fault.refusal))
        if len(errors) >= MAX_ERRORS:
            break
    if errors:
        raise body_error(errors)
    if not found:
        raise ApiError("empty_bulk", "expected at least one line, got none")
    return tuple(found)


def _on_line(number: int, refusal: Refusal) -> list[FieldError]:
    if not refusal.errors:
        return [FieldError("", refusal.code, refusal.detail, number)]
    return [replace(error, line=number) for error in refusal.errors]


async def _lines(request: web.Request) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of the body that are not blank, with their numbers."""
    rest, number = b"", 1
    async for chunk in _chunks(request, MAX_BULK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield number, _short(line, number)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            number += 1
        _short(rest, number)
    if rest.strip():
        yield number, rest


def _short(line: bytes, number: int) -> bytes:
    if len(line) > MAX_LINE:
        raise ApiError(
            "line_too_long", f"expected lines of at most {MAX_LINE} bytes, got more on line {number}"
        )
    return line
