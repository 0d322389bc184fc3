"""What a node says of itself beside its addresses: the keys of a TXT record (RFC 6763, section 6).

DNS-SD and mDNS carry them as strings of bytes; Consul's service meta has the same keys, so it is described by
the second half of this module alone. All of it was written by strangers: sizes are bounded here, what the
values mean is checked by the guard.

    txtvers    1; another version is refused, none is taken for 1
    org        the organisation, a SPIFFE trust domain
    spiffe     the SPIFFE id of the node
    node       the node's id; without it, the name that the source has for the record
    version    what runs there          region    where it is
    resources  what it offers: names, separated by commas

Every other key is metadata, if it is text: RFC 6763 allows binary values, and those are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from control_plane.model.node import MAX_LABELS, MAX_TEXT
from control_plane.model.problem import InvalidValueError

MAX_BYTES = 1024  # of all strings; RFC 6763, section 6.2 asks for far less
MAX_STRINGS = 64
KNOWN = frozenset({"txtvers", "org", "spiffe", "node", "version", "region", "resources"})

Pairs = Mapping[str, bytes | None]  # keys in lower case; None: a key without "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the keys say; an empty text where one is missing."""

    node_id: str = ""
    organisation: str = ""
    spiffe_id: str = ""
    version: str = ""
    region: str = ""
    resources: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


def read(strings: Sequence[bytes]) -> Description:
    """Read one TXT record; InvalidValueError says why it is refused."""
    return describe(pairs(strings))


def pairs(strings: Sequence[bytes]) -> Pairs:
    """The keys and values of one TXT record, by the rules of RFC 6763, section 6.4."""
    size = sum(len(string) + 1 for string in strings)
    if size > MAX_BYTES:
        raise InvalidValueError(
            "txt_too_long", f"expected a TXT record of at most {MAX_BYTES} bytes, got {size}"
        )
    if len(strings) > MAX_STRINGS:
        raise InvalidValueError(
            "txt_too_long", f"expected a TXT record of at most {MAX_STRINGS} strings, got {len(strings)}"
        )
    found: dict[str, bytes | None] = {}
    for string in strings:
        name, equals, value = string.partition(b"=")
        key = _key(name)
        if key:
            found.setdefault(key, value if equals else None)  # the first one counts, the others are ignored
    return found


def describe(keys: Pairs) -> Description:
    """What the keys say; InvalidValueError when they cannot be read."""
    if not any(keys.get(name) for name in KNOWN):
        raise InvalidValueError(
            "no_txt",
            "expected a TXT record with org and spiffe, got none of our keys: publish them beside SRV",
        )
    known = {name: _text(name, keys.get(name)) for name in KNOWN}
    if known["txtvers"] not in {"", "1"}:
        raise InvalidValueError("txt_version", f"expected txtvers=1, got {known['txtvers'][:20]!a}")
    return Description(
        node_id=known["node"],
        organisation=known["org"],
        spiffe_id=known["spiffe"],
        version=known["version"],
        region=known["region"],
        resources=tuple(dict.fromkeys(_words(known["resources"]))),
        metadata=tuple(sorted(_metadata(keys)))[:MAX_LABELS],
    )


def _key(name: bytes) -> str:
    """A key in lower case, or "" when it is none: printable ASCII, at least one character."""
    if not all(0x20 <= octet <= 0x7E for octet in name):  # noqa: PLR2004 - the printable characters of ASCII
        return ""
    return name.decode("ascii").lower()


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError("txt_not_utf8", f"expected UTF-8 in {name}, got {value!r:.80}") from error


def _words(text: str) -> Iterable[str]:
    return (word.strip() for word in text.split(",") if word.strip())


def _metadata(keys: Pairs) -> Iterable[tuple[str, str]]:
    for key, value in keys.items():
        if key in KNOWN:
            continue
        try:
            text = (value or b"").decode("utf-8")
        except UnicodeDecodeError:
            continue  # binary, which is allowed, and nothing to show
        if text.isprintable() and len(text) <= MAX_TEXT:
            yield key, text
