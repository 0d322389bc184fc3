"""Refusals as problem+json (RFC 9457): how ours are written, and how a partner's are read."""

import json

from control_plane.kit import strict_json
from control_plane.model.identity import shown
from control_plane.peering.refusal import CODES, Answer, RefusedError
from control_plane.ports.errors import UnavailableError

PROBLEM = "application/problem+json"
MAX_PROBLEM = 16 * 1024  # bytes
_SERVER_ERRORS = 500


def problem(code: str, answer: Answer) -> bytes:
    """The body of a refusal; it tells no details, which are in the audit of who refused."""
    document = {"type": f"urn:proxenia:{code}", "title": answer.title, "status": answer.status, "code": code}
    return json.dumps(document).encode()


def refusal_of(status: int, body: bytes) -> RefusedError | UnavailableError:
    """What a partner's answer other than success means to us."""
    try:
        document = strict_json.read(body, most=MAX_PROBLEM)
    except strict_json.StrictJsonError:
        document = None
    code = document.get("code") if isinstance(document, dict) else None
    if isinstance(code, str) and code in CODES:
        return RefusedError(code, f"the partner refused ({code}): {CODES[code].title.lower()}")
    if status >= _SERVER_ERRORS:
        return UnavailableError(f"the partner's control plane cannot answer now (status {status})")
    return RefusedError("partner_refused", f"expected a good answer, got status {status} ({shown(code)})")
