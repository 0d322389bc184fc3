"""Two record sets are compared over a wire, with little said when little differs (pure).

One side asks, the other answers: first the fingerprint of everything; then, of each range that differs, those
of its parts; and of a range that is small its items. What is asked and answered is a value, so the comparison
is a generator that knows no network: it yields questions and is sent answers.

The other side may lie. It cannot make the comparison longer than ``Limits``: every answer must have the parts
and the numbers that were said before (``LyingError`` otherwise), a range's name has at most MAX_DEPTH bytes,
and rounds, ranges and items are counted. What it says about its own set it can invent; that is found in the
heads which it has signed.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from control_plane.chain.crossing import HALF, ITEM
from control_plane.chain.record_set import FAN_OUT, MAX_DEPTH, Print, RecordSet, split

PARTS_AT_ONCE = 24  # ranges whose parts are asked for in one question
ITEMS_AT_ONCE = 4096  # items in one answer
SMALL = 256  # a range with at most this many items is not divided any more


class LyingError(ValueError):
    """The other side contradicts itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``differences`` are named at most; ``questions`` are asked at most."""

    differences: int = 5000
    questions: int = 2000


class Whole(NamedTuple):
    """Asks for the fingerprint of everything; answered by a Print."""


class Parts(NamedTuple):
    """Asks for the parts of ranges; answered by a tuple of FAN_OUT Prints for each."""

    prefixes: tuple[bytes, ...]


class Items(NamedTuple):
    """Asks for the items of ranges; answered by the items end to end for each."""

    prefixes: tuple[bytes, ...]


Question = Whole | Parts | Items
Answer = Print | tuple[tuple[Print, ...], ...] | tuple[bytes, ...]


@dataclass(slots=True)
class Compared:
    """Hashes of correlation ids. ``complete`` false: there are more, which a limit left out."""

    theirs: int = 0
    only_ours: list[bytes] = field(default_factory=list)
    only_theirs: list[bytes] = field(default_factory=list)
    differing: list[bytes] = field(default_factory=list)
    complete: bool = True

    @property
    def found(self) -> int:
        """How many differences."""
        return len(self.only_ours) + len(self.only_theirs) + len(self.differing)


def answer(records: RecordSet, question: Question) -> Answer:
    """What a side that has ``records`` says."""
    match question:
        case Whole():
            return records.print(b"")
        case Parts(prefixes):
            return tuple(records.parts(prefix) for prefix in prefixes)
        case Items(prefixes):
            return tuple(b"".join(records.items(prefix)) for prefix in prefixes)


def compare(ours: RecordSet, limits: Limits | None = None) -> Generator[Question, Answer, Compared]:
    """Ask until every difference is found, or a limit is reached."""
    bounds = limits or Limits()
    compared = Compared()
    whole = yield Whole()
    if not isinstance(whole, Print):
        raise LyingError("expected the fingerprint of everything, got another answer")
    compared.theirs = whole.size
    asked = 1
    open_: list[tuple[bytes, Print]] = [] if whole == ours.print(b"") else [(b"", whole)]
    while open_:
        if asked >= bounds.questions or compared.found >= bounds.differences:
            compared.complete = False
            break
        small = _take_small(open_, ours)
        if small:
            told = yield Items(tuple(small))
            _take_items(compared, ours, small, told)
        else:
            claims = dict(open_[-PARTS_AT_ONCE:])
            del open_[-PARTS_AT_ONCE:]
            told = yield Parts(tuple(claims))
            open_.extend(_take_parts(ours, claims, told))
        asked += 1
    return compared


def _take_small(open_: list[tuple[bytes, Print]], ours: RecordSet) -> dict[bytes, Print]:
    """Some of the ranges that are small on both sides, or cannot be divided; they are not open any more."""
    small: dict[bytes, Print] = {}
    total = 0
    for prefix, claim in open_:
        little = claim.size <= SMALL and ours.count(prefix) <= 4 * SMALL
        if not (little or claim.size == 0 or len(prefix) >= MAX_DEPTH):
            continue
        if small and (total + claim.size > ITEMS_AT_ONCE or len(small) >= ITEMS_AT_ONCE):
            break
        small[prefix] = claim
        total += claim.size
    open_[:] = [(prefix, claim) for prefix, claim in open_ if prefix not in small]
    return small


def _take_parts(ours: RecordSet, claims: Mapping[bytes, Print], told: Answer) -> list[tuple[bytes, Print]]:
    """The parts that differ; LyingError when they are not parts of what was claimed."""
    if not isinstance(told, tuple) or len(told) != len(claims):
        raise LyingError(f"expected the parts of {len(claims)} ranges, got another answer")
    found = []
    for (prefix, claim), parts in zip(claims.items(), told, strict=True):
        if not isinstance(parts, tuple) or len(parts) != FAN_OUT:
            raise LyingError(f"expected {FAN_OUT} parts of a range, got another answer")
        if sum(part.size for part in parts) != claim.size:
            raise LyingError("expected parts that have as many items as their range")
        mine = ours.parts(prefix)
        found += [(prefix + bytes((byte,)), part) for byte, part in enumerate(parts) if part != mine[byte]]
    return found


def _take_items(compared: Compared, ours: RecordSet, claims: Mapping[bytes, Print], told: Answer) -> None:
    """Compare small ranges; LyingError when the items are not those of the fingerprint."""
    if not isinstance(told, tuple) or len(told) != len(claims):
        raise LyingError(f"expected the items of {len(claims)} ranges, got another answer")
    for (prefix, claim), packed in zip(claims.items(), told, strict=True):
        if not isinstance(packed, bytes) or len(packed) != claim.size * ITEM:
            raise LyingError("expected as many items as were claimed")
        theirs = split(packed)
        if RecordSet(packed).print(prefix) != claim or not _ascending(theirs):
            raise LyingError("expected the items of the fingerprint, sorted, each id once")
        _sort_out(compared, ours.items(prefix), theirs)


def _ascending(items: list[bytes]) -> bool:
    return all(one[:HALF] < two[:HALF] for one, two in pairwise(items))


def _sort_out(compared: Compared, ours: list[bytes], theirs: list[bytes]) -> None:
    mine = {item[:HALF]: item[HALF:] for item in ours}
    others = {item[:HALF]: item[HALF:] for item in theirs}
    compared.only_ours += [one for one in mine if one not in others]
    compared.only_theirs += [one for one in others if one not in mine]
    compared.differing += [one for one, rest in mine.items() if others.get(one, rest) != rest]
