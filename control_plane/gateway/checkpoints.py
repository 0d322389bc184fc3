"""How far each log was shipped, on the gateway's disk.

The control plane keeps the same in the transaction that stores the rows, and its word counts when it is
further. This copy is for the agent that starts while the control plane is away.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path

from control_plane.gateway.config import STREAMS
from control_plane.gateway.durable import replace_file
from control_plane.gateway.positions import Position


class Checkpoints:
    """The position of every stream behind which everything is in the audit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._positions: dict[str, Position] = {}
        self._writing = threading.Lock()  # streams move at the same time, in threads of their own

    def load(self) -> None:
        """Read the file; ValueError when it is damaged. A missing one means that nothing was shipped yet."""
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return
        self._positions = read_checkpoints(json.loads(text))

    def get(self, stream: str) -> Position | None:
        """Where to go on; None: from the beginning."""
        return self._positions.get(stream)

    def move(self, stream: str, position: Position | None) -> None:
        """Remember the position, and bring it to the disk before returning."""
        with self._writing:
            if position is None:
                self._positions.pop(stream, None)
            else:
                self._positions[stream] = position
            content = {name: place.as_json() for name, place in self._positions.items()}
            replace_file(self._path, json.dumps(content) + "\n")

    def advance(self, reported: Mapping[str, Position]) -> None:
        """Take over what the control plane has, where that is further."""
        for stream, position in reported.items():
            mine = self._positions.get(stream)
            if mine is None or mine < position:
                self.move(stream, position)


def read_checkpoints(value: object) -> dict[str, Position]:
    """Read ``{stream: {"file", "offset"}}``; ValueError when it is not that. Other streams are left out."""
    if not isinstance(value, dict):
        raise ValueError(f"expected checkpoints by stream, got {value!r:.80}")  # noqa: TRY004 - bad JSON, not a bad call
    return {stream: Position.of_json(value[stream]) for stream in STREAMS if stream in value}
