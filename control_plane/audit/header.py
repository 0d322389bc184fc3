"""What stands before the lines of a shipped batch (pure)."""

import json
import re
from dataclasses import dataclass
from typing import Any

from control_plane.audit.events import STREAMS
from control_plane.audit.fields import escaped
from control_plane.model.identity import ObjectId, shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import Checkpoint

MAX_BATCH = 2 << 20  # bytes of lines; the agent sends at most a quarter of it
MAX_LINES = 10_000
_MAX_HEADER = 4096  # bytes
_MAX_OFFSET = 2**53
_MAX_REASON = 500  # characters
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a stream. File names are never reused and grow, so places are totally ordered."""

    file: str
    offset: int

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Lines from ``begin`` to ``end`` of ``file``, which follow ``after`` (None: the stream's first).

    ``lost`` says why what lies between ``after`` and ``begin`` will never come; such a batch has no lines.
    """

    gateway: ObjectId
    stream: str
    file: str
    begin: int
    end: int
    after: Place | None
    lost: str

    @property
    def until(self) -> Place:
        """The place behind the batch."""
        return Place(self.file, self.end)

    def checkpoint(self) -> Checkpoint:
        """What to store with the rows."""
        return Checkpoint(self.gateway, self.stream, self.file, self.end)


def read_request(request: bytes) -> tuple[Header, bytes]:
    """Split and check a request of Ship; InvalidValueError when it is not one."""
    text, newline, data = request.partition(b"\n")
    if not newline or len(text) > _MAX_HEADER:
        raise InvalidValueError("bad_header", f"expected a header line of at most {_MAX_HEADER} bytes")
    header = _header(_object(text))
    if header.after is not None and header.until < header.after:
        raise InvalidValueError("bad_header", f"expected a batch that ends behind {header.after}")
    if len(data) != header.end - header.begin:
        expected = header.end - header.begin
        raise InvalidValueError("bad_batch", f"expected {expected} bytes of lines, got {len(data)}")
    if len(data) > MAX_BATCH or data.count(b"\n") > MAX_LINES:
        raise InvalidValueError("too_large", f"expected at most {MAX_BATCH} bytes and {MAX_LINES} lines")
    if bool(data) is bool(header.lost) or (data and not data.endswith(b"\n")):
        raise InvalidValueError("bad_batch", "expected whole lines, or a reason why there are none")
    if data and header.begin != _beginning(header):
        raise InvalidValueError(
            "bad_header",
            f"expected lines from {_beginning(header)} of {header.file}, got from {header.begin}",
        )
    return header, data


def _beginning(header: Header) -> int:
    """Where lines that follow ``after`` begin: there, or at the next file's beginning."""
    return header.after.offset if header.after is not None and header.after.file == header.file else 0


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError("bad_header", "expected a header line of JSON") from error
    if not isinstance(value, dict):
        raise InvalidValueError("bad_header", f"expected an object as header, got {shown(value)}")
    return value


def _header(value: dict[str, Any]) -> Header:
    stream, after, lost = value.get("stream"), value.get("after"), value.get("lost", "")
    if stream not in STREAMS:
        raise InvalidValueError(
            "bad_header", f"expected a stream of {', '.join(STREAMS)}, got {shown(stream)}"
        )
    if not isinstance(lost, str):
        raise InvalidValueError("bad_header", f"expected text as lost, got {shown(lost)}")
    file, end = _place(value.get("file"), value.get("to"))
    return Header(
        gateway=ObjectId(_text(value.get("gateway"))),
        stream=stream,
        file=file,
        begin=_place(file, value.get("from"))[1],
        end=end,
        after=None if after is None else _after(after),
        lost=escaped(lost[:_MAX_REASON])[:_MAX_REASON],
    )


def _after(value: object) -> Place:
    if not isinstance(value, dict):
        raise InvalidValueError("bad_header", f"expected a file and an offset as after, got {shown(value)}")
    return Place(*_place(value.get("file"), value.get("offset")))


def _place(file: object, offset: object) -> tuple[str, int]:
    if not isinstance(file, str) or not _FILE.match(file):
        raise InvalidValueError("bad_header", f"expected the name of a log file, got {shown(file)}")
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= _MAX_OFFSET:
        raise InvalidValueError(
            "bad_header", f"expected an offset from 0 to {_MAX_OFFSET}, got {shown(offset)}"
        )
    return file, offset


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValueError("bad_header", f"expected text, got {shown(value)}")
    return value
