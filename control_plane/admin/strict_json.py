"""What JSON parsers let pass and this API does not: duplicate keys, NaN, endless numbers, UTF-16."""

import json
import math
from typing import Any, NoReturn

from control_plane.admin.problems import ApiError
from control_plane.model.identity import shown

MAX_DIGITS = 20


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) == len(pairs):
        return document
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add returns None: falsy on purpose
    raise ApiError("duplicate_key", f"expected each key once, got {shown(twice)} twice")


def _constant(text: str) -> NoReturn:
    raise ApiError("bad_number", f"expected a number, got {text}")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ApiError("bad_number", f"expected a number of at most {MAX_DIGITS} digits, got {len(text)}")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ApiError("bad_number", f"expected a finite number, got {shown(text)}")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_real
)


def check(body: bytes) -> None:
    """Raise ApiError unless ``body`` is one strict JSON text."""
    try:
        _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ApiError("malformed_json", f"expected UTF-8, got byte {error.start} that is none") from error
    except RecursionError as error:
        raise ApiError("too_deep", "expected a shallow document, got one nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ApiError(
            "malformed_json",
            f"expected JSON: {error.msg.lower()} at line {error.lineno} column {error.colno}",
        ) from error
