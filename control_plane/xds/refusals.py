"""Reading Envoy's words when it refuses a response: whom they name, and what of them may be kept."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from control_plane.xds.table import Entry

MAX_DETAIL = 1_000  # characters of a refusal that are kept
_READ = 16_384  # characters that are looked at: a refusal may quote the whole resource

_PEM = re.compile(r"-----BEGIN [^-]{1,64}-----.*?(?:-----END [^-]{1,64}-----|\Z)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufff8]+")
_PART_OF_NAME = r"[A-Za-z0-9_/-]"


def clean(text: str) -> str:
    """Take out of Envoy's text what must not be kept: PEM blocks, control characters, and too much."""
    printable = " ".join(_UNPRINTABLE.sub(" ", _PEM.sub("(pem)", text[:_READ])).split())
    return printable if len(printable) <= MAX_DETAIL else printable[: MAX_DETAIL - 1] + "…"


def named(text: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that stand in ``text`` as whole words: ``to/a`` does not stand in ``to/a.b``."""
    read = text[:_READ]
    return [name for name in names if name in read and _as_word(name, read)]


def _as_word(name: str, text: str) -> bool:
    before, after = rf"(?<!{_PART_OF_NAME})(?<!{_PART_OF_NAME}\.)", rf"(?!{_PART_OF_NAME}|\.{_PART_OF_NAME})"
    return re.search(before + re.escape(name) + after, text) is not None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who of a refused response is to blame, and which names to offer again, each group in one response."""

    guilty: tuple[Entry, ...]
    again: tuple[tuple[str, ...], ...]


def judge(entries: Sequence[Entry], text: str, *, current: Callable[[Entry], bool]) -> Verdict:
    """Divide a refused response.

    Whom the text names is guilty, and so is who was alone. The others are offered again without them: Envoy
    may have applied them, but does not count them as its own until it acknowledged them. When nobody is
    named, halves are tried, until the guilty are alone. What is not ``current`` any more does not matter.
    """
    blamed = set(named(text, (entry.name for entry in entries)))
    if not blamed and len(entries) == 1:
        blamed = {entries[0].name}
    still = [entry for entry in entries if current(entry)]
    guilty = tuple(entry for entry in still if entry.name in blamed)
    rest = tuple(entry.name for entry in still if entry.name not in blamed)
    half = 0 if blamed else len(rest) // 2
    return Verdict(guilty, tuple(group for group in (rest[:half], rest[half:]) if group))
