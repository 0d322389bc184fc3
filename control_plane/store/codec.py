"""Objects as JSON and back, by the same rules as the admin API: strict, and unknown fields refused."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from control_plane.model.change import TYPES, Kind, Value
from control_plane.model.gateway import Gateway
from control_plane.model.problem import InvalidValueError
from control_plane.ports.objects import Stored


@cache
def _adapter(kind: Kind) -> TypeAdapter[Any]:
    return TypeAdapter(TYPES[kind])


def encode(kind: Kind, key: str, value: Value) -> str:
    """The JSON that is stored; InvalidValueError when the value is not that kind's, or not that key's."""
    if not isinstance(value, TYPES[kind]):
        raise InvalidValueError("bad_kind", f"expected a {kind} for {key}, got a {type(value).__name__}")
    if value.key != key:
        raise InvalidValueError("bad_key", f"expected the key {value.key}, got {key}")
    try:
        text: str = _adapter(kind).dump_json(value).decode()
    except (PydanticSerializationError, UnicodeError) as error:
        raise InvalidValueError("bad_text", f"{kind} {key}: expected text that UTF-8 can hold") from error
    if "\\u0000" in text.replace("\\\\", ""):  # an escaped NUL, which PostgreSQL does not hold
        raise InvalidValueError("bad_text", f"{kind} {key}: expected text without NUL characters")
    return text


def decode(kind: Kind, key: str, body: str) -> Value:
    """The value; InvalidValueError when what is stored breaks a rule of this version."""
    try:
        value: Value = _adapter(kind).validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidValueError(
            "unreadable_object",
            f"the stored {kind} {key} does not fit this version ({first['msg']}): write or delete it",
        ) from error
    return value


def stored(row: Any) -> Stored:  # noqa: ANN401 - asyncpg's Record has no types
    """An object from a row of ``objects``."""
    return Stored(
        kind=Kind(row["kind"]),
        key=row["key"],
        value=decode(Kind(row["kind"]), row["key"], row["body"]),
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def organisation_of(value: Value) -> str:
    """Whose object this is."""
    return value.spiffe_id.trust_domain if isinstance(value, Gateway) else value.organisation
