"""What one look hears, and its first half: which domains there are to browse, and what they list."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dns.exception import DNSException
from dns.name import Name

from control_plane.discovery.dns_answer import Answer, Found, shortest
from control_plane.discovery.dns_instance import BROWSING, SERVICE, is_instance, subject
from control_plane.discovery.dns_message import Question, RecordType
from control_plane.discovery.dns_servers import FEW, SLICE, Ask, Asks, Unanswered, each
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.sighting import Candidate
from control_plane.ports.source import MAX_CANDIDATES

MAX_DOMAINS = 256  # the domain itself, and those that it names for browsing
MAX_FOUND = 2 * MAX_CANDIDATES  # instances among which the first ones, by name, are chosen
MAX_REFUSED = 1000  # that are told one by one


class Listed(NamedTuple):
    """An instance, and the domain that lists it; ``key`` is equal for equal names and gives the order."""

    key: bytes
    name: Name
    domain: Name
    ttl: int | None


class Unknown(NamedTuple):
    """No server said yes or no."""

    reason: str


Outcome = Candidate | Problem | Unknown


@dataclass(slots=True)
class Look:
    """Everything that was heard."""

    domains: tuple[Name, ...]
    instances: list[Listed] = field(default_factory=list)  # in the order of their names
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)  # by the instance's key
    dark: dict[Name, str] = field(default_factory=dict)  # domains that nobody could list
    refused: list[Problem] = field(default_factory=list)
    more_refused: int = 0
    left_out: int = 0
    ttl: int | None = None  # the shortest of all
    cached: bool = False  # some of it came from a cache, whose TTLs count down

    def note(self, found: Found, answer: Answer) -> None:
        """Remember for how long an answer holds, and whether it came from a cache."""
        self.ttl = shortest((self.ttl, found.ttl))
        self.cached = self.cached or not answer.head.authoritative

    def refuse(self, name: Name, code: str, detail: str) -> None:
        """Say why an instance, or a domain, cannot be used."""
        if len(self.refused) < MAX_REFUSED:
            self.refused.append(Problem(subject=subject(name), code=code, detail=detail))
        else:
            self.more_refused += 1


async def browse(servers: Asks, result: Look, known: Iterable[Name]) -> None:
    """Find the domains, and what they list; ``known`` are the domains of the look before."""
    domain = result.domains[0]
    found: dict[bytes, Listed] = {}
    async with asyncio.TaskGroup() as group:
        more = group.create_task(_browsing_domains(servers.few, result, known), name="dns-domains")
        group.create_task(_list(servers.few, result, domain, found), name="dns-list")
    result.domains = tuple(dict.fromkeys((domain, *more.result())))[:MAX_DOMAINS]
    ask = servers.few if len(result.domains) <= FEW else servers.many
    await each(result.domains[1:], lambda other: _list(ask, result, other, found))
    order = sorted(found)
    result.instances = [found[key] for key in order[:MAX_CANDIDATES]]
    result.left_out += len(order) - len(result.instances)


async def _browsing_domains(ask: Ask, result: Look, known: Iterable[Name]) -> Sequence[Name]:
    domain = result.domains[0]
    try:
        found, answer = await ask(Question(BROWSING + domain, RecordType.PTR))
    except (Unanswered, InvalidValueError) as error:
        result.refuse(domain, "unanswered", f"its browsing domains are not known: {error}")
        return tuple(known)
    result.note(found, answer)
    names = {name for name in found.data if isinstance(name, Name)} - {domain}
    if len(names) >= MAX_DOMAINS:
        detail = (
            f"expected at most {MAX_DOMAINS} domains to browse, got {len(names) + 1}: the rest is left out"
        )
        result.refuse(domain, "too_many_domains", detail)
    return sorted(names, key=Name.to_digestable)


async def _list(ask: Ask, result: Look, domain: Name, found: dict[bytes, Listed]) -> None:
    """Add what one domain lists to what was found."""
    try:
        listing, answer = await ask(Question(SERVICE + domain, RecordType.PTR))
    except (
        Unanswered,
        InvalidValueError,
        DNSException,
    ) as error:  # DNSException: a name so long that there is no room for ours
        result.dark[domain] = str(error)
        return
    result.note(listing, answer)
    for number, name in enumerate(listing.data, start=1):
        if not isinstance(name, Name):
            continue
        if not is_instance(name):
            result.refuse(
                name, "bad_instance", f"expected <instance>.{SERVICE}.<domain> in the list of {domain}"
            )
        elif len(found) < MAX_FOUND:
            key = name.to_digestable()
            found.setdefault(key, Listed(key, name, domain, listing.ttl))
        else:
            result.left_out += 1
        if not number % SLICE:
            await asyncio.sleep(0)
