"""Which tokens the audit has been told of: a digest of each, in a file beside theirs."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from control_plane.admin.token_entries import Entry, replace

FILE = "tokens-audited.json"


def digests(entries: Iterable[Entry]) -> dict[str, str]:
    """What distinguishes each entry from what it was, by name."""
    return {
        entry.name: sha256(json.dumps(entry.document(), sort_keys=True).encode()).hexdigest()
        for entry in entries
    }


@dataclass(frozen=True, slots=True)
class Audited:
    """``turn`` is held from before something is audited until it is done, and noted here."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def read(self, tokens: Path) -> dict[str, str]:
        """What was noted; of a file that cannot be read, nothing: all is told again."""
        try:
            found = json.loads(tokens.with_name(FILE).read_text(encoding="utf-8"))
            return {str(name): str(digest) for name, digest in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def write(self, tokens: Path, known: Mapping[str, str]) -> None:
        """Note what is told by now."""
        replace(tokens.with_name(FILE), json.dumps(dict(sorted(known.items())), indent=2) + "\n")
