"""The file in which a gateway's last configuration is kept."""

from typing import Protocol


class KeptLog(Protocol):
    """A log on disk; OSError when the disk does not take it."""

    def read(self) -> bytes:
        """All of it; empty when there is none."""

    def append(self, data: bytes) -> None:
        """Add ``data`` for good."""

    def replace(self, data: bytes) -> None:
        """Put ``data`` in the place of everything; a reader finds either the old or the new."""
