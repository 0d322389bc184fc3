"""What an answer says to a question: the data at the end of its CNAME records, and for how long it holds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dns.name import Name

from control_plane.discovery.dns_message import (
    ADDITIONAL,
    ANSWER,
    AUTHORITY,
    Data,
    Header,
    Question,
    Record,
    RecordType,
    Srv,
)
from control_plane.model.problem import InvalidValueError

MAX_ALIASES = 8  # CNAME records on the way to an answer
ADDRESSES = (RecordType.A, RecordType.AAAA)


@dataclass(slots=True)
class Answer:
    """One message, sorted by what is looked up in it."""

    head: Header
    data: dict[tuple[Name, RecordType], dict[Data, int]] = field(default_factory=dict)  # data to its TTL
    extra: dict[tuple[Name, RecordType], dict[Data, int]] = field(default_factory=dict)  # addresses beside it
    negative_ttl: int | None = None  # how long "there is none" holds (RFC 2308, section 5)

    def add(self, record: Record) -> None:
        """Take in one record; what is there twice counts once, with the shorter TTL."""
        if record.section == ANSWER:
            found = self.data.setdefault((record.name, record.rtype), {})
        elif record.section == ADDITIONAL and record.rtype in ADDRESSES:
            found = self.extra.setdefault((record.name, record.rtype), {})
        else:
            if record.section == AUTHORITY and isinstance(record.data, int):
                self.negative_ttl = min(record.ttl, record.data)
            return
        found[record.data] = min(record.ttl, found.get(record.data, record.ttl))


@dataclass(frozen=True, slots=True)
class Found:
    """The data of one name and type; none of it is also an answer. ``ttl`` is None where none was given."""

    data: tuple[Data, ...]
    ttl: int | None
    further: Name | None = None  # the answer ends in an alias, and this is to be asked next


def find(answer: Answer, question: Question) -> Found:
    """What the answer has for the question; InvalidValueError for aliases that lead nowhere."""
    name, ttls = question.name, list[int]()
    for _ in range(MAX_ALIASES + 1):
        here = answer.data.get((name, question.rtype))
        if here:
            return Found(tuple(here), min([*here.values(), *ttls]))
        aliases = answer.data.get((name, RecordType.CNAME))
        if not aliases:
            return Found((), answer.negative_ttl, name if name != question.name else None)
        if len(aliases) > 1:
            raise InvalidValueError("alias_loop", f"expected one CNAME at {name}, got {len(aliases)}")
        ((target, ttl),) = aliases.items()
        ttls.append(ttl)
        if not isinstance(target, Name):
            raise InvalidValueError("alias_loop", f"expected a name in the CNAME at {name}")
        name = target
    raise InvalidValueError(
        "alias_loop", f"expected at most {MAX_ALIASES} CNAMEs from {question.name}, got more, or a loop"
    )


def beside(answer: Answer, found: Found) -> dict[Question, Found]:
    """The addresses of SRV targets that an authoritative server sent along, which saves asking for them.

    A set of records is there as a whole or not at all (RFC 2181, section 5); a type that is not there has to
    be asked for. A cache's additional section is not used: it comes and goes. Nor is that of a validated
    answer: AD says nothing of it (RFC 4035, section 3.2.3).
    """
    if not answer.extra or not answer.head.authoritative or answer.head.authentic:
        return {}
    targets = [record.target for record in found.data if isinstance(record, Srv)]
    keys = [(target, rtype) for target in targets for rtype in ADDRESSES if (target, rtype) in answer.extra]
    sets = {Question(*key): answer.extra[key] for key in keys}
    return {question: Found(tuple(here), min(here.values())) for question, here in sets.items()}


def shortest(ttls: Iterable[int | None]) -> int | None:
    """The smallest of the TTLs that were given."""
    return min((ttl for ttl in ttls if ttl is not None), default=None)
