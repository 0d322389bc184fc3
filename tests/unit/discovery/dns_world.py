"""A name server in memory: whole messages, built by dnspython, or whatever bytes a test wants to be read."""

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns.name import from_text

from control_plane.discovery.dns_answer import Answer, Found
from control_plane.discovery.dns_message import Question, RecordType, encode, header, records
from control_plane.discovery.dns_servers import Unanswered, follow

DOMAIN = from_text("luebeck.example.")
SERVICE = "_proxenia._tcp.luebeck.example."


def message(
    question: Question,
    *answers: str,
    additional: tuple[str, ...] = (),
    rcode: int = 0,
    flags: int = dns.flags.AA,
) -> bytes:
    """An authoritative answer with records as a zone file has them: ``name ttl type data``."""
    made = dns.message.make_response(dns.message.from_wire(encode(question, 7)))
    made.flags |= flags
    made.set_rcode(dns.rcode.Rcode(rcode))
    for section, lines in ((made.answer, answers), (made.additional, additional)):
        for line in lines:
            name, ttl, rtype, data = line.split(maxsplit=3)
            section.append(dns.rrset.from_text(name, int(ttl), "IN", rtype, data))
    return made.to_wire(max_size=65535)


def read(wire: bytes, question: Question) -> Answer:
    """The answer in a message."""
    head = header(wire, question)
    answer = Answer(head)
    for record in records(wire, head):
        answer.add(record)
    return answer


class World:
    """Records by question, and questions that nobody answers; it counts what it is asked."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.silent = set[str]()  # names
        self.asked = list[Question]()
        self.authoritative = True
        self.additional: Callable[[Question], tuple[str, ...]] = lambda _question: ()

    async def few(self, question: Question) -> tuple[Found, Answer]:
        return await follow(self.answer, question)

    async def many(self, question: Question) -> tuple[Found, Answer]:
        return await follow(self.answer, question)

    async def answer(self, question: Question) -> Answer:
        """What there is at one name, as the records of it and of its type."""
        self.asked.append(question)
        name = question.name.to_text()
        if name in self.silent:
            raise Unanswered("nobody answers")
        return read(self.wire(question), question)

    def wire(self, question: Question) -> bytes:
        """The whole message."""
        name, types = question.name.to_text(), {question.rtype.name, RecordType.CNAME.name}
        here = [line for line in self.lines if line.split()[0] == name and line.split()[2] in types]
        return message(
            question,
            *here,
            additional=self.additional(question),
            flags=dns.flags.AA if self.authoritative else 0,
        )


def instance(label: str, *, address: str = "192.0.2.7", srv: str = "0 0 8443", ttl: int = 60) -> list[str]:
    """All records of one instance."""
    name = f"{label}.{SERVICE}"
    txt = f'"org=luebeck.example" "spiffe=spiffe://luebeck.example/gateway/{label}"'
    return [
        f"{SERVICE} {ttl} PTR {name}",
        f"{name} {ttl} SRV {srv} host-{label}.luebeck.example.",
        f"{name} {ttl} TXT {txt}",
        f"host-{label}.luebeck.example. {ttl} {'AAAA' if ':' in address else 'A'} {address}",
    ]
