"""The question whether somebody may do something, and its answer."""

import re
from dataclasses import dataclass
from datetime import datetime

from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError

MAX_TTL = 300  # seconds that an answer may be kept
BASE_METHODS = ("initialize", "notifications/initialized", "ping", "tools/list")
"""What a session needs, whatever tools it may call (Model Context Protocol, lifecycle and tools)."""
CALL = "tools/call"

_MAX_PATH = 2_048
_PATH = re.compile(r"/[\x21-\x7e]*\Z")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]\Z")
_NEVER = ("%2f", "%5c", "%00")


@dataclass(frozen=True, slots=True)
class Message:
    """What an MCP message says: its method, and which tool it calls."""

    method: str
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the ingress sees it. ``identity`` are all URI names of the certificate, with commas.

    ``path`` has the one spelling that Envoy makes of all others, and may end with a query. ``session`` says
    whether the request names an MCP session.
    """

    identity: str
    method: str = "GET"
    path: str = "/"
    serial: str = ""
    accept: str = ""
    message: Message | None = None
    session: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """``policy_id`` is the grant that allows it, or the rule that does not; ``ttl_seconds`` at most 300.

    ``conditions`` are those of the grant that decided, in words.
    """

    allowed: bool
    reason: str
    detail: str
    hint: str
    policy_id: str
    ttl_seconds: int
    conditions: tuple[str, ...]
    shadow_policy_id: str
    checked_at: datetime


def check_path(path: str) -> str:
    """``path`` if it is spelt as Envoy would spell it; else it would be judged as another than it is."""
    plain = path.partition("?")[0]
    segments = {segment.partition(";")[0] for segment in plain.split("/")}  # Envoy, too, walks up at "..;"
    if len(path) > _MAX_PATH or not _PATH.match(path) or "#" in path or "\\" in plain:
        raise InvalidValueError("bad_path", f"expected a path that begins with '/', got {shown(path)}")
    if "//" in plain or {".", ".."} & segments:
        raise InvalidValueError("bad_path", f"expected a path without '//', '.' and '..', got {shown(path)}")
    if any(escape in plain.lower() for escape in _NEVER):
        raise InvalidValueError("bad_path", f"expected a path without escaped separators, got {shown(path)}")
    for found in _ESCAPE.finditer(plain):
        if not found[1] or _UNRESERVED.match(chr(int(found[1], 16))):
            raise InvalidValueError(
                "bad_path", f"expected escapes only where they are needed, got {shown(path)}"
            )
    return path
