"""Which of our roots are published and which signs: one small file, beside the keys that it is about.

``<state>/ca/anchors.json`` is replaced in one step under the directory's lock, so that every process that
can sign knows the same, also while the database is away. As long as there is none, the first root is alone.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from control_plane.model.problem import InvalidValueError
from control_plane.trust.files import write_private
from control_plane.trust.rotation import AnchorState

NAME = "anchors.json"
FIRST = ""  # the first root's keys lie in the directory itself
_STATE = TypeAdapter(AnchorState)
Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class AnchorFile:
    """The file of one authority's directory."""

    directory: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.directory / NAME

    def version(self) -> Version | None:
        """Differs whenever the content may; None when there is no file."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def read(self) -> AnchorState | None:
        """The state, or None when nothing was ever changed."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return _STATE.validate_json(content, strict=True)
        except ValidationError as error:
            raise InvalidValueError(
                "broken_authority",
                f"expected {self.path} as this version writes it, got something else: restore the directory"
                " from a backup",
            ) from error

    def write(self, state: AnchorState) -> None:
        """Replace the state; only under the directory's lock."""
        write_private(self.path, _STATE.dump_json(state, indent=2))
