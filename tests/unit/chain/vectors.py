"""The public vectors for RFC 6962 trees, beside the repository."""

import gzip
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "merkle.json.gz"


def vectors(kind: str) -> list[dict[str, Any]]:
    """Every case of ``inclusion`` or ``consistency``; the calling test is skipped where they are absent."""
    if not FILE.exists():
        pytest.skip(f"{FILE.name} is not there: the public vectors lie beside the repository, in shared/data")
    with gzip.open(FILE) as content:
        cases: list[dict[str, Any]] = json.load(content)[kind]
    return cases


def hashes(texts: list[str] | None) -> list[bytes]:
    """A proof of the vectors."""
    return [b64decode(text) for text in texts or ()]
