"""Places in the logs, and pieces of them on their way to the control plane (pure)."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Everything before ``offset`` in ``file``, and every file with a lesser name, lies before it.

    File names are never reused and grow with time, so positions of one stream are totally ordered.
    """

    file: str
    offset: int

    def as_json(self) -> dict[str, Any]:
        """The form in headers and checkpoint files."""
        return {"file": self.file, "offset": self.offset}

    @classmethod
    def of_json(cls, value: object) -> "Position":
        """Read ``{"file", "offset"}``; ValueError when it is not that."""
        match value:
            case {"file": str(file), "offset": int(offset)} if file and offset >= 0:
                return cls(file, offset)
        raise ValueError(f"expected a file and an offset, got {value!r:.80}")


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines of one log that follow ``after``, up to ``until``.

    Instead of lines it may say, in ``lost``, why what lies between the two will never come.
    """

    stream: str
    after: Position | None  # None: nothing of this stream was ever shipped
    until: Position
    data: bytes = b""
    lost: str = ""

    def encode(self, gateway: str) -> bytes:
        """The request of ``Ship``: one line of JSON, then the lines as Envoy wrote them."""
        header = {
            "gateway": gateway,
            "stream": self.stream,
            "file": self.until.file,
            "from": self.until.offset - len(self.data),
            "to": self.until.offset,
            "after": None if self.after is None else self.after.as_json(),
            "lost": self.lost,
        }
        return json.dumps(header).encode() + b"\n" + self.data
