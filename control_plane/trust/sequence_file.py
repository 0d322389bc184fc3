"""A sequence that grows whenever anchors change that somebody else decides on."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from control_plane.model.problem import InvalidValueError
from control_plane.trust.files import write_private


@dataclass(frozen=True, slots=True)
class SequenceFile:
    """Remembers the last anchors by their digest, and their sequence."""

    path: Path

    def of(self, anchors: str, now: datetime) -> int:
        """The sequence of ``anchors``: the last one's if they are the same, else a greater one."""
        digest = sha256(anchors.encode()).hexdigest()
        last = self._last()
        if last is not None and last[0] == digest:
            return last[1]
        # At least the time: greater also than what was there before a restored backup.
        sequence = max(int(now.timestamp()), last[1] + 1 if last else 0)
        write_private(self.path, json.dumps({"digest": digest, "sequence": sequence}).encode())
        return sequence

    def _last(self) -> tuple[str, int] | None:
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            return str(kept["digest"]), int(kept["sequence"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidValueError(
                "broken_authority",
                f"expected {self.path} as this version writes it, got something else: remove it",
            ) from error
