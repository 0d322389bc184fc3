"""Names that decide who somebody is. Each is a ``str`` that cannot be built from a bad one.

Sources: SPIFFE-ID standard (section 2: scheme, trust domain, path; at most 2,048 bytes), RFC 1123 for labels.
"""

import re
from typing import Any, ClassVar, Self

from control_plane.model.problem import InvalidValueError

_TRUST_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\Z")
_PATH_SEGMENT = re.compile(r"[A-Za-z0-9._-]+\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_OBJECT_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")

MAX_TRUST_DOMAIN = 255  # bytes, SPIFFE-ID 2.1
MAX_SPIFFE_ID = 2048  # bytes, SPIFFE-ID 2.3
_SHOWN = 80  # characters of a bad value that an error repeats


def shown(value: object) -> str:
    """A bad value as an error may repeat it: printable, and never long."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


class _Name(str):
    """A checked string; pydantic reads it from a plain JSON string.

    ``SCHEMA`` says of it what JSON Schema can say: whatever is such a name fits, though not the reverse.
    """

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {}

    @classmethod
    def check(cls, value: str) -> None:
        """Raise InvalidValueError when ``value`` is not such a name."""
        raise NotImplementedError

    def __new__(cls, value: str) -> Self:
        if not isinstance(value, cls):
            cls.check(value)
        return super().__new__(cls, value)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> Any:  # noqa: ANN401 - pydantic's type, which the model must not import at start
        from pydantic_core import core_schema  # noqa: PLC0415 - keeps pydantic off the CLI's import path

        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(), serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: object, _handler: object) -> dict[str, object]:
        return {"type": "string", **cls.SCHEMA}


class TrustDomain(_Name):
    """The name of an organisation: a SPIFFE trust domain such as ``luebeck.example``."""

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {
        "pattern": r"^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$",
        "maxLength": MAX_TRUST_DOMAIN,
    }

    @classmethod
    def check(cls, value: str) -> None:
        """Lower-case letters, digits, ``.``, ``-``, ``_``; at most 255 bytes; labels not empty."""
        if len(value) > MAX_TRUST_DOMAIN or not _TRUST_DOMAIN.match(value) or ".." in value:
            raise InvalidValueError(
                "bad_trust_domain",
                "expected a trust domain (lower-case letters, digits, '.', '-', '_',"
                f" at most {MAX_TRUST_DOMAIN} characters), got {shown(value)}",
            )


class SpiffeId(_Name):
    """``spiffe://<trust domain>/<path>``, exactly as a certificate carries it; a path is required."""

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {
        "pattern": r"^spiffe://[a-z0-9._-]+/[A-Za-z0-9._/-]+$",
        "maxLength": MAX_SPIFFE_ID,
    }

    @classmethod
    def check(cls, value: str) -> None:
        """Apply the SPIFFE-ID grammar: no port, user, query, fragment, escapes, empty or dot segments."""
        scheme, _, rest = value.partition("://")
        domain, slash, path = rest.partition("/")
        if scheme != "spiffe" or not slash or len(value) > MAX_SPIFFE_ID:
            raise InvalidValueError(
                "bad_spiffe_id", f"expected spiffe://<trust domain>/<path>, got {shown(value)}"
            )
        try:
            TrustDomain.check(domain)
        except InvalidValueError as error:
            raise InvalidValueError("bad_spiffe_id", f"{shown(value)}: {error.detail}") from error
        if not all(_PATH_SEGMENT.match(part) and part not in {".", ".."} for part in path.split("/")):
            raise InvalidValueError(
                "bad_spiffe_id",
                "expected path segments of letters, digits, '.', '-', '_', none empty, '.' or '..',"
                f" got {shown(value)}",
            )

    @property
    def trust_domain(self) -> TrustDomain:
        """The organisation that this identity belongs to."""
        return TrustDomain(self.removeprefix("spiffe://").partition("/")[0])

    @property
    def path(self) -> str:
        """The part after the trust domain, with its leading slash."""
        return "/" + self.removeprefix("spiffe://").partition("/")[2]


class ResourceName(_Name):
    """A resource's name in its organisation: one DNS label, so ``name.organisation`` is a host name."""

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {"pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}

    @classmethod
    def check(cls, value: str) -> None:
        """RFC 1123 label: lower-case letters, digits and inner hyphens, at most 63."""
        if not _LABEL.match(value):
            raise InvalidValueError(
                "bad_resource_name",
                f"expected a DNS label (lower-case letters, digits, '-', at most 63), got {shown(value)}",
            )


class ObjectId(_Name):
    """The id of a node, grant or gateway: letters, digits, ``.``, ``_``, ``-``; at most 128."""

    __slots__ = ()
    SCHEMA: ClassVar[dict[str, object]] = {"pattern": r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$"}

    @classmethod
    def check(cls, value: str) -> None:
        """Letters and digits at both ends, ``.``, ``_`` and ``-`` inside."""
        if not _OBJECT_ID.match(value):
            raise InvalidValueError(
                "bad_id", f"expected letters, digits, '.', '_', '-' (at most 128), got {shown(value)}"
            )
