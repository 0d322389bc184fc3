"""Read what Envoy appended to one log: whole lines only, in order, a bounded piece at a time."""

import os
from pathlib import Path

from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.positions import Batch, Position

MAX_BYTES = 512 << 10  # of one batch, and so of one line
MAX_LINES = 2000  # of one batch
_SCAN = 1 << 20  # bytes read at once in search of the end of an overlong line


def read(files: LogFiles, position: Position | None, *, now: int) -> Batch | None:
    """Return the next batch after ``position`` (None: from the beginning), or None when there is nothing yet.

    What cannot be had any more is said in the batch, never skipped: a file that is gone or was cut, a line
    that Envoy did not finish before it died, a line of more than ``MAX_BYTES``.
    """
    names = files.names()  # before any size: a file with a successor in this list has its final size
    if position is not None and position.file not in names:
        return _after_a_gap(files.stream, position, names)
    for name in names:
        if position is not None and name < position.file:
            continue
        offset = position.offset if position is not None and name == position.file else 0
        is_complete = name != names[-1]
        size = files.size(name)
        if size < offset and position is not None:
            if is_complete:
                return _after_a_gap(files.stream, position, names)
            files.shrunk(now)
            return None  # the next reading finds the file under its new name
        if size > offset:
            until = _next(files.directory / name, offset, is_complete=is_complete)
            return None if until is None else _batch(files.stream, position, Position(name, until[0]), until)
        if not is_complete:
            return None
    return None


def _batch(stream: str, after: Position | None, until: Position, found: tuple[int, bytes, str]) -> Batch:
    return Batch(stream, after, until, data=found[1], lost=found[2])


def _after_a_gap(stream: str, position: Position, names: list[str]) -> Batch | None:
    later = next((name for name in names if name > position.file), None)
    if later is None:
        return None
    return Batch(stream, position, Position(later, 0), lost=f"{position.file} is gone or was cut")


def _next(path: Path, offset: int, *, is_complete: bool) -> tuple[int, bytes, str] | None:
    """Return the end of the piece at ``offset``, its lines, and why there are none; None: no end yet."""
    with path.open("rb", buffering=0) as file:
        data = os.pread(file.fileno(), MAX_BYTES, offset)
        end = _end_of_lines(data)
        if end:
            return offset + end, data[:end], ""
        if len(data) < MAX_BYTES:
            lost = f"unfinished line of {len(data)} bytes"
            return (offset + len(data), b"", lost) if is_complete else None
        after_line = _find_line_end(file.fileno(), offset + len(data))
    if after_line is None and not is_complete:
        return None
    until = after_line if after_line is not None else path.stat().st_size
    return until, b"", f"line of {until - offset} bytes, more than the {MAX_BYTES} that are shipped"


def _end_of_lines(data: bytes) -> int:
    """The length of at most ``MAX_LINES`` whole lines at the beginning."""
    if data.count(b"\n") <= MAX_LINES:
        return data.rfind(b"\n") + 1
    end = 0
    for _ in range(MAX_LINES):
        end = data.index(b"\n", end) + 1
    return end


def _find_line_end(descriptor: int, offset: int) -> int | None:
    while data := os.pread(descriptor, _SCAN, offset):
        at = data.find(b"\n")
        if at >= 0:
            return offset + at + 1
        offset += len(data)
    return None
