"""An export of the audit is verified, line by line, by somebody who has nothing but it and anchors (pure)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from control_plane.chain.head import TreeHead
from control_plane.chain.multiproof import Rebuilt
from control_plane.chain.record import encode, leaf_hash
from control_plane.chain.tree import Frontier
from control_plane.model.audit import AuditEvent
from control_plane.model.problem import InvalidValueError


@dataclass(slots=True, kw_only=True)
class ExportCheck:
    """``take`` each line, then ``finish``; InvalidValueError ``bad_export`` says what is not as it was.

    ``read_head`` verifies a signed head; ``event_of`` makes the event of a row's line.
    """

    read_head: Callable[[bytes], TreeHead]
    event_of: Callable[[Mapping[str, Any]], AuditEvent]
    organisation: str = ""
    rows: int = 0
    left_out: int = 0  # rows of the proven parts that are not shown
    heads: list[TreeHead] = field(default_factory=list)
    _part: Rebuilt | None = None
    _is_over: bool = False

    def take(self, line: Mapping[str, Any]) -> None:
        """One line."""
        if self._is_over:
            raise _bad("expected nothing after the end")
        try:
            self._take(line)
        except (KeyError, TypeError, IndexError) as error:
            raise _bad(f"a line is not one of an export: {error!r}") from error

    def _take(self, line: Mapping[str, Any]) -> None:
        kind = line["type"]
        if kind == "export":
            if self.organisation:
                raise _bad("expected one beginning")
            self.organisation = str(line["organisation"])
        elif kind == "begin":
            self._begin(line)
        elif kind == "row":
            self._row(line)
        elif kind == "nodes":
            for level, node in line["nodes"]:
                self._add(bytes.fromhex(node), int(level))
                self.left_out += 1 << int(level)
        elif kind == "head":
            self._head(line)
        elif kind == "end":
            self._end(int(line["rows"]))
        else:
            raise _bad(f"a line is of no known type: {str(kind)[:40]!r}")

    def _begin(self, line: Mapping[str, Any]) -> None:
        size = int(line["size"])
        if not self.organisation or self._part is not None or (self.heads and size < self.heads[-1].size):
            raise _bad("expected the parts one after the other")
        try:
            self._part = Rebuilt.of(Frontier.of(size, bytes.fromhex(line["frontier"])))
        except ValueError as error:
            raise _bad(f"a part does not begin at a tree: {error}") from error

    def _row(self, line: Mapping[str, Any]) -> None:
        number = int(line["number"])
        if self._part is None or number != self._part.size:
            raise _bad(f"row {number} is not in its place")
        try:
            event = self.event_of(line)
        except ValueError as error:
            raise _bad(f"row {number} is no event: {str(error)[:200]}") from error
        self._add(leaf_hash(encode(event)), 0)
        self.rows += 1

    def _add(self, node: bytes, level: int) -> None:
        if self._part is None:
            raise _bad("expected a part to begin first")
        try:
            self._part.add(node, level)
        except ValueError as error:
            raise _bad(f"a part does not continue: {error}") from error

    def _head(self, line: Mapping[str, Any]) -> None:
        try:
            head = self.read_head(str(line["signed"]).encode())
        except InvalidValueError as error:
            raise _bad(f"a head is not signed as it must be: {error.detail}") from error
        part, self._part = self._part, None
        if part is None or (part.size, part.root) != (head.size, head.root):
            raise _bad(
                f"rows before number {head.size} are not those of the signed head of {head.at.isoformat()}:"
                " a row was changed, removed or added"
            )
        if head.organisation != self.organisation or (self.heads and head.log_id != self.heads[-1].log_id):
            raise _bad("a head is of another log")
        self.heads.append(head)

    def _end(self, rows: int) -> None:
        if self._part is not None or rows != self.rows:
            raise _bad(f"expected {rows} rows, each before a signed head, got {self.rows}")
        self._is_over = True

    def finish(self) -> None:
        """Raise unless the export came to its end."""
        if not self._is_over:
            raise _bad("the export breaks off before its end")


def with_rows(
    lines: Iterator[Mapping[str, Any]], rows: Iterator[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """The lines of a proof that is kept beside the rows, with each row in its place."""
    for line in lines:
        if line.get("type") != "row":
            yield line
            continue
        row = next(rows, None)
        if row is None:
            raise _bad("there are fewer rows than the proof is of")
        yield {**line, **row}
    if next(rows, None) is not None:
        raise _bad("there are more rows than the proof is of")


def _bad(detail: str) -> InvalidValueError:
    return InvalidValueError("bad_export", detail)
