"""One look at a domain: browse it, then resolve every instance, many at once.

An instance is put together as soon as its answers are there, and they are forgotten: ten thousand of them
would keep the garbage collector, and the event loop with it, busy for longer than others can wait.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dns.name import Name

from control_plane.discovery.dns_answer import ADDRESSES, Found, beside, shortest
from control_plane.discovery.dns_browse import Listed, Look, Outcome, Unknown, browse
from control_plane.discovery.dns_instance import candidate, describe, endpoints, subject, targets
from control_plane.discovery.dns_message import Data, Question, RecordType
from control_plane.discovery.dns_servers import FEW, Ask, Asks, Unanswered, each
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.sighting import Candidate

LOOK_DEADLINE = 60.0  # seconds; what is not answered by then is unknown
_OF_INSTANCE = (RecordType.SRV, RecordType.TXT)


async def look(
    servers: Asks, domain: Name, known: Iterable[Name] = (), before: Mapping[bytes, Candidate] | None = None
) -> Look:
    """Look at everything below ``domain``.

    ``known`` are the browsing domains of the look before, ``before`` what it found, by the key of instances.
    """
    result = Look(domains=(domain,))
    try:
        async with asyncio.timeout(LOOK_DEADLINE):
            await browse(servers, result, known)
            many = 2 * len(result.instances) > FEW
            ask = servers.many if many else servers.few
            await each(result.instances, _Resolver(ask, result, before or {}, parallel=not many).resolve)
    except TimeoutError:
        unknown = Unknown(f"there was no time to ask in the {LOOK_DEADLINE:g} s of a look")
        result.outcomes |= {one.key: unknown for one in result.instances if one.key not in result.outcomes}
    return result


class _Resolver:
    """Asks for instances, and only once for a host that several of them name.

    ``parallel`` asks the questions of one instance at once. Of thousands, others are asked for meanwhile, and
    tasks would cost more than they save.
    """

    def __init__(self, ask: Ask, result: Look, before: Mapping[bytes, Candidate], *, parallel: bool) -> None:
        self._ask = ask
        self._parallel = parallel
        self._result = result
        self._before = before
        self._hosts: dict[bytes, tuple[tuple[Data, ...], int | None]] = {}

    async def resolve(self, listed: Listed) -> None:
        """Ask for one instance, and write down what came of it."""
        try:
            made = await self._put_together(listed)
            outcome: Outcome = self._same(self._before.get(listed.key), made)
        except Unanswered as error:
            outcome = Unknown(str(error))
        except InvalidValueError as error:
            outcome = Problem(subject(listed.name), error.code, error.detail)
        self._result.outcomes[listed.key] = outcome

    def _same(self, before: Candidate | None, made: Candidate) -> Candidate:
        """The very object of before where nothing is different; in a cache, TTLs count down meanwhile."""
        if before is None:
            return made
        counts_down = self._result.cached and made.ttl < before.ttl
        return before if (replace(made, ttl=before.ttl) if counts_down else made) == before else made

    async def _put_together(self, listed: Listed) -> Candidate:
        srv, said = await self._both(listed.name, _OF_INSTANCE)
        addresses: dict[Name, list[str]] = {}
        ttls = [listed.ttl, srv.ttl, said.ttl if said.data else None]
        for host in targets(srv):
            sets = await self._both(host, ADDRESSES)
            addresses[host] = [str(data) for found in sets for data in found.data]
            ttls += [found.ttl for found in sets if found.data]
        return candidate(listed.name, describe(said), endpoints(srv, addresses), ttl=shortest(ttls))

    async def _both(self, name: Name, rtypes: tuple[RecordType, RecordType]) -> list[Found]:
        """Two types of one name; Unanswered when one of them is not known."""
        questions = [Question(name, rtype) for rtype in rtypes]
        if self._parallel:
            answers = await asyncio.gather(*map(self._find, questions))
        else:
            answers = [await self._find(question) for question in questions]
        for question, answer in zip(rtypes, answers, strict=True):
            if isinstance(answer, InvalidValueError):
                raise answer
            if isinstance(answer, Unknown):
                raise Unanswered(f"{question.name} of {name}: {answer.reason}")
        return [answer for answer in answers if isinstance(answer, Found)]

    async def _find(self, question: Question) -> Found | Unknown | InvalidValueError:
        """What is known of one question. Nothing is raised: the other question has to end as well."""
        key = _key(question)
        known = self._hosts.get(key)
        if known:
            return Found(*known)
        try:
            found, answer = await self._ask(question)
        except Unanswered as error:
            return Unknown(str(error))
        except InvalidValueError as error:
            return error
        self._result.note(found, answer)
        if question.rtype in ADDRESSES:
            self._hosts[key] = found.data, found.ttl
        for host, addresses in beside(answer, found).items():
            self._hosts[_key(host)] = addresses.data, addresses.ttl
            self._result.note(addresses, answer)
        return found


def _key(question: Question) -> bytes:
    """Equal for equal questions; bytes, because the garbage collector does not look into them."""
    return question.name.to_digestable() + bytes([question.rtype])
