"""What may leave an organisation in a report: texts without keys, tokens and passwords."""

import re
from collections.abc import Iterable

GONE = "(redacted)"
_LEAST = 8  # characters; what is shorter is no secret, and would tear words apart

_FORMS = (
    # A private key as PEM, also one that a log has on one line, with its end or without.
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"proxenia_[A-Za-z0-9_-]{8,}"),  # a token of the admin API
    re.compile(r"proxenia-\d+\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?"),  # an invitation's
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"),  # a JWS
)
_AFTER = (
    re.compile(r"(://)[^/\s:@\"']*:[^/\s@\"']*(?=@)"),  # user:password of a URL
    re.compile(r"((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"([?&]link=|/links?/)[A-Za-z0-9_-]{16,}"),  # of a dashboard's link
    re.compile(
        r"([\"']?[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|pgpassword|cookie)[\"']?\s*[:=]\s*[\"']?)"
        r"(?!\(redacted\))[^\s\"'&,;}]{3,}",
        re.IGNORECASE,
    ),
)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without what has the form of a secret, and without ``secrets`` wherever they are."""
    for secret in sorted({one for one in secrets if len(one) >= _LEAST}, key=len, reverse=True):
        text = text.replace(secret, GONE)
    for form in _FORMS:
        text = form.sub(GONE, text)
    for form in _AFTER:
        text = form.sub(rf"\g<1>{GONE}", text)
    return text
