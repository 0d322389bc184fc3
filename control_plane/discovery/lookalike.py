"""Names that are made to be taken for another organisation's.

A trust domain is compared byte by byte everywhere, so a look-alike deceives people, not programs; it is
refused here, before a person is offered it. A real organisation of such a name is let in by an agreement
with it: what an operator named is known, and no look-alike.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_PUNYCODE = "xn--"
_REMEMBERED = 10_000
_LONG = 4  # letters of a first label below which a name that merely ends alike is chance
# Letters that are drawn like a Latin one. Those that only fold (case, width, accents) are not needed here.
_DRAWN = str.maketrans(
    {
        **dict(zip("асԁеһіјӏорԛѕтԝхукмвнг", "acdehijlopqstwxykmbhr", strict=True)),
        **dict(zip("αβγεηικνορτυχωϲ", "abyenikvoptuxwc", strict=True)),
        **dict(zip("օսոհցզ", "ounhgq", strict=True)),  # noqa: RUF001 - Armenian
        **dict(zip("ıɑɡȷℓ", "iagjl", strict=True)),
        **dict(zip("01", "ol", strict=True)),
        "i": "l",
        "_": "-",
    }
)
# How German names are written where there are no umlauts.
_WRITTEN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_TOGETHER = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def shown_form(name: str) -> str:
    """``name`` with its punycode labels as people see them; a label that is none stays as it is."""
    return ".".join(_decoded(label) for label in name.split("."))


def _decoded(label: str) -> str:
    if not label.startswith(_PUNYCODE):
        return label
    try:
        return label[len(_PUNYCODE) :].encode("ascii").decode("punycode")
    except (UnicodeError, OverflowError):
        return label


def scripts(text: str) -> frozenset[str]:
    """The scripts of the letters of ``text``, by the first word of their names (LATIN, CYRILLIC)."""
    letters = (unicodedata.name(letter, "UNKNOWN") for letter in text if letter.isalpha())
    return frozenset(name.partition(" ")[0] for name in letters)


@lru_cache(maxsize=1024)
def mixes_scripts(name: str) -> bool:
    """Whether a label has letters of several scripts, which no honest name has."""
    return any(len(scripts(label)) > 1 for label in shown_form(name).split("."))


def skeleton(name: str) -> str:
    """What is left of ``name`` for a hasty eye: names with the same skeleton look alike."""
    folded = unicodedata.normalize("NFKD", shown_form(name.casefold()).casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter) and letter.isprintable())
    drawn = plain.translate(_DRAWN).strip(". ")
    for pair, letter in _TOGETHER:
        drawn = drawn.replace(pair, letter)
    return drawn


class Likenesses:
    """The names that nobody else may look like: our own and those of organisations that we know."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._skeletons = {skeleton(name): name for name in sorted(self._known)}
        self._judged: dict[str, str] = {}  # many records are of the same few organisations

    def of(self, name: str) -> str:
        """The known name that ``name`` imitates; empty when it is known itself or looks like none."""
        if name in self._known:
            return ""
        if name not in self._judged:
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            self._judged[name] = self._judge(name)
        return self._judged[name]

    def _judge(self, name: str) -> str:
        forms = dict.fromkeys((skeleton(name), skeleton(shown_form(name.casefold()).translate(_WRITTEN))))
        return next(filter(None, map(self._imitated, forms)), "")

    def _imitated(self, drawn: str) -> str:
        return self._skeletons.get(drawn) or self._begun(drawn) or self._ended(drawn)

    def _begun(self, drawn: str) -> str:
        """The known name that this one begins with: ``luebeck.example.evil.example``."""
        ends = (place for place in range(1, len(drawn)) if drawn[place] in ".-")
        return next(filter(None, (self._skeletons.get(drawn[:place]) for place in ends)), "")

    def _ended(self, drawn: str) -> str:
        """The known name that this one ends with: ``my-luebeck.example``. A subdomain is its parent's own."""
        for place in range(1, len(drawn)):
            known = self._skeletons.get(drawn[place:])
            first = drawn[place:].partition(".")[0]
            before = drawn[place - 1]
            if known and before != "." and (before == "-" or len(first) >= _LONG):
                return known
        return ""
