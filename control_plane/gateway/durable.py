"""Replace a file so that a reader, or a machine that loses power, finds either the old content or the new."""

import os
from pathlib import Path


def replace_file(path: Path, content: str, *, mode: int = 0o600) -> None:
    """Write beside ``path``, bring it to the disk, and rename over it (which a watching Envoy notices)."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)  # a file left by an interrupted attempt keeps its mode, whatever it was
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
