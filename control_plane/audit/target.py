"""What a request asked for, as the audit keeps it: the path, and of the query string a keyed hash (pure).

Queries carry tokens and personal data. Their hash tells that two requests had the same, and whether a known
one was sent; without the key of the organisation nobody can try out what it may have been.
"""

import hmac
from hashlib import sha256

from control_plane.audit.fields import Line

KEY_BYTES = 32
MAX_PATH = 2048
_MAX_TARGET = 8192  # characters of path and query that the gateway writes down; one more says that it cut
_HASH_BYTES = 16


def query_hash(query: str, key: bytes) -> str:
    """What the audit shows of a query string (without the question mark)."""
    return hmac.digest(key, query.encode(errors="backslashreplace"), sha256)[:_HASH_BYTES].hex()


def target(line: Line, key: bytes) -> dict[str, str]:
    """``path``, and ``query`` if there was one and there is a key."""
    whole = line.text("path", _MAX_TARGET)
    path, asked, query = whole.partition("?")
    path = path.partition("#")[0]
    is_cut = "path" in line.cut
    if is_cut and asked:
        line.cut[line.cut.index("path")] = "query"
    if len(path) > MAX_PATH:
        path = path[:MAX_PATH]
        if "path" not in line.cut:
            line.cut.append("path")
    if not (query and key):
        return {"path": path}
    return {"path": path, "query": query_hash(query.partition("#")[0], key)}
