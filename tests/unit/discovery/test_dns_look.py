"""Looks at a domain in memory: what is listed is found, and one bad instance harms no other."""

import asyncio
from dataclasses import replace

import pytest
from dns.name import from_text
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery import dns_browse, dns_look
from control_plane.discovery.dns_answer import Answer, Found
from control_plane.discovery.dns_look import look
from control_plane.discovery.dns_memory import HOLD, Memory
from control_plane.discovery.dns_message import MessageError, Question, RecordType
from control_plane.discovery.dns_sd import WAIT_MOST, pause
from control_plane.discovery.dns_servers import Unanswered, follow
from control_plane.model.sighting import RawEndpoint
from control_plane.ports.source import Lost, Seen
from tests.unit.discovery.dns_world import DOMAIN, SERVICE, World, instance, read


async def report_of(world: World, memory: Memory | None = None, now: float = 0.0) -> Seen | Lost:
    memory = memory or Memory()
    return await memory.report(await look(world, DOMAIN, memory.domains, memory.kept), now)


async def seen(world: World, memory: Memory | None = None, now: float = 0.0) -> Seen:
    report = await report_of(world, memory, now)
    assert isinstance(report, Seen)
    return report


def names(report: Seen) -> list[str]:
    return [candidate.node_id for candidate in report.candidates]


def codes(report: Seen) -> dict[str, str]:
    return {problem.subject: problem.code for problem in report.refused}


async def endpoints_of(*lines: str) -> tuple[RawEndpoint, ...]:
    """The endpoints of one instance ``gw-1`` with a TXT record and these records beside it."""
    report = await seen(World(*instance("gw-1")[::2], *lines))
    assert not report.refused
    return report.candidates[0].endpoints


async def test_an_instance_is_what_its_records_say() -> None:
    report = await seen(World(*instance("gw-1")))

    (candidate,) = report.candidates
    assert (candidate.node_id, candidate.name, candidate.subject) == ("gw-1", "gw-1", f"gw-1.{SERVICE}")
    assert candidate.organisation == "luebeck.example"
    assert candidate.endpoints == (RawEndpoint("192.0.2.7", 8443),)
    assert candidate.ttl == 60


async def test_priorities_become_ranks_and_weight_nought_becomes_one() -> None:
    name = f"gw-1.{SERVICE}"
    found = await endpoints_of(
        f"{name} 60 SRV 40000 0 8443 backup.luebeck.example.",
        f"{name} 60 SRV 10 5 8443 b.luebeck.example.",
        f"{name} 60 SRV 10 9 8443 a.luebeck.example.",
        f"{name} 60 SRV 7 1 8443 gone.luebeck.example.",
        "a.luebeck.example. 60 A 192.0.2.1",
        "a.luebeck.example. 60 AAAA 2001:db8::1",
        "b.luebeck.example. 60 A 192.0.2.2",
        "backup.luebeck.example. 60 A 192.0.2.3",
    )

    assert found == (
        RawEndpoint("192.0.2.1", 8443, priority=0, weight=9),
        RawEndpoint("2001:db8::1", 8443, priority=0, weight=9),
        RawEndpoint("192.0.2.2", 8443, priority=0, weight=5),
        RawEndpoint("192.0.2.3", 8443, priority=1, weight=1),
    )


@pytest.mark.parametrize(
    ("label", "name"),
    [("Büro\\ im\\ 2.\\ Stock", "Büro im 2. Stock"), ("a\\.b", "a.b"), ("gw\\032one", "gw one")],
)
async def test_instance_names_are_any_text(label: str, name: str) -> None:
    encoded = "".join(
        f"\\{octet:03d}" if octet > 127 else chr(octet) for octet in label.replace("2.", "2\\.").encode()
    )
    lines = [
        line.replace("/gateway/" + encoded, "/gateway/gw-1") for line in instance(encoded.replace(" ", "032"))
    ]
    report = await seen(World(*[line.replace(f"host-{encoded}", "host") for line in lines]))

    assert [candidate.name for candidate in report.candidates] == [name]
    assert report.candidates[0].subject == f"{name}._proxenia._tcp.luebeck.example."


async def test_the_domains_that_the_domain_names_are_browsed_too() -> None:
    other = [line.replace("luebeck.example.", "hl.example.") for line in instance("gw-2")]
    world = World("b._dns-sd._udp.luebeck.example. 60 PTR hl.example.", *instance("gw-1"), *other)

    assert names(await seen(world)) == ["gw-2", "gw-1"] or names(await seen(world)) == ["gw-1", "gw-2"]


async def test_an_empty_domain_is_seen_as_empty() -> None:
    assert await report_of(World()) == Seen(())


async def test_the_order_only_depends_on_the_names() -> None:
    lines = [line for label in ("b", "a", "c") for line in instance(label)]

    forward, backward = await seen(World(*lines)), await seen(World(*reversed(lines)))

    assert forward == backward
    assert names(forward) == ["a", "b", "c"]


HOSTILE = {
    "no_srv": [],
    "no_txt": [f"x.{SERVICE} 60 SRV 0 0 1 h.example.", "h.example. 60 A 192.0.2.1"],
    "no_address": [f"x.{SERVICE} 60 SRV 0 0 1 h.example.", f'x.{SERVICE} 60 TXT "org=a"'],
    "two_txt": [
        f"x.{SERVICE} 60 SRV 0 0 1 h.example.",
        f'x.{SERVICE} 60 TXT "org=a"',
        f'x.{SERVICE} 60 TXT "org=b"',
    ],
    "too_many_addresses": [
        f"x.{SERVICE} 60 SRV 0 0 1 h.example.",
        f'x.{SERVICE} 60 TXT "org=a"',
        *(f"h.example. 60 A 192.0.2.{number}" for number in range(249)),
    ],
    "alias_loop": [f"x.{SERVICE} 60 CNAME y.{SERVICE}", f"y.{SERVICE} 60 CNAME x.{SERVICE}"],
    "txt_too_long": [
        f"x.{SERVICE} 60 SRV 0 0 1 h.example.",
        f"x.{SERVICE} 60 TXT " + " ".join(f'"k{number}"' for number in range(250)),
    ],
}


@pytest.mark.parametrize("code", HOSTILE)
async def test_a_hostile_instance_is_refused_and_the_others_are_seen(code: str) -> None:
    world = World(*instance("gw-1"), f"{SERVICE} 60 PTR x.{SERVICE}", *HOSTILE[code], *instance("gw-2"))

    report = await seen(world)

    assert names(report) == ["gw-1", "gw-2"]
    assert codes(report) == {f"x.{SERVICE}": code}


async def test_srv_with_a_dot_says_that_there_is_no_service() -> None:
    lines = [f"x.{SERVICE} 60 SRV 0 0 0 .", f'x.{SERVICE} 60 TXT "org=a"']

    assert codes(await seen(World(f"{SERVICE} 60 PTR x.{SERVICE}", *lines))) == {f"x.{SERVICE}": "no_srv"}


async def test_what_is_no_instance_is_refused() -> None:
    report = await seen(
        World(f"{SERVICE} 60 PTR www.example.", f"{SERVICE} 60 PTR {SERVICE}", *instance("gw-1"))
    )

    assert names(report) == ["gw-1"]
    assert set(codes(report).values()) == {"bad_instance"}


async def test_one_instance_that_nobody_answers_for_keeps_what_it_said_for_a_while() -> None:
    memory, world = Memory(), World(*instance("gw-1"), *instance("gw-2"))
    before = await seen(world, memory)
    world.silent = {f"gw-2.{SERVICE}"}

    during = await seen(world, memory, HOLD)
    after = await seen(world, memory, HOLD + 1)

    assert during.candidates == before.candidates
    assert codes(during) == codes(after) == {f"gw-2.{SERVICE}": "unanswered"}
    assert names(after) == ["gw-1"]


async def test_one_domain_that_nobody_answers_for_keeps_what_it_listed() -> None:
    other = [line.replace("luebeck.example.", "hl.example.") for line in instance("gw-2")]
    world = World("b._dns-sd._udp.luebeck.example. 60 PTR hl.example.", *instance("gw-1"), *other)
    memory = Memory()
    before = await seen(world, memory)
    world.silent = {"_proxenia._tcp.hl.example.", "b._dns-sd._udp.luebeck.example."}

    during = await seen(world, memory, HOLD)

    assert during.candidates == before.candidates
    assert codes(during) == {"hl.example.": "unanswered", "luebeck.example.": "unanswered"}


@pytest.mark.parametrize("silent", [[SERVICE], [f"gw-1.{SERVICE}"]])
async def test_where_nothing_at_all_is_answered_the_source_is_lost(silent: list[str]) -> None:
    world = World(*instance("gw-1"))
    world.silent = set(silent)

    assert isinstance(await report_of(world), Lost)


async def test_addresses_sent_along_are_not_asked_for_and_the_other_type_is() -> None:
    world = World(*instance("gw-1"))
    world.additional = lambda question: (
        ("host-gw-1.luebeck.example. 60 A 198.51.100.1",) if question.rtype is RecordType.SRV else ()
    )

    report = await seen(world)

    assert report.candidates[0].endpoints[0].host == "198.51.100.1"
    host = from_text("host-gw-1.luebeck.example.")
    assert [one.rtype for one in world.asked if one.name == host] == [RecordType.AAAA]


async def test_a_host_of_many_instances_is_asked_for_once() -> None:
    lines = [line for number in range(200) for line in instance(f"gw-{number}")]
    shared = [line.replace(line.split()[-1], "h.example.") if " SRV " in line else line for line in lines]
    world = World(*shared, "h.example. 60 A 192.0.2.1")

    assert len((await seen(world)).candidates) == 200
    assert len([one for one in world.asked if one.name == from_text("h.example.")]) == 2


async def test_what_is_beyond_the_limit_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_browse, "MAX_CANDIDATES", 3)
    monkeypatch.setattr(dns_browse, "MAX_FOUND", 4)
    report = await seen(World(*(line for label in "abcde" for line in instance(label))))

    assert (names(report), report.left_out) == (["a", "b", "c"], 2)


async def test_problems_are_told_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_browse, "MAX_REFUSED", 3)
    report = await seen(World(*(f"{SERVICE} 60 PTR x{number}.{SERVICE}" for number in range(5))))

    assert len(report.refused) == 4
    assert report.refused[-1].detail == "2 more were refused"


@pytest.mark.looptime
async def test_what_there_is_no_time_for_is_unknown() -> None:
    class Slow(World):
        async def answer(self, question: Question) -> Answer:
            if question.rtype is RecordType.SRV and question.name == from_text(f"gw-2.{SERVICE}"):
                await asyncio.sleep(2 * dns_look.LOOK_DEADLINE)
            return await super().answer(question)

    report = await seen(Slow(*instance("gw-1"), *instance("gw-2")))

    assert names(report) == ["gw-1"]
    assert codes(report) == {f"gw-2.{SERVICE}": "unanswered"}


async def test_a_ttl_that_counts_down_in_a_cache_changes_nothing() -> None:
    memory, world = Memory(), World(*instance("gw-1", ttl=60))
    world.authoritative = False
    before = await seen(world, memory)
    world.lines = instance("gw-1", ttl=30)

    after = await seen(world, memory)

    assert after == before
    assert after.candidates[0] is before.candidates[0]


async def test_a_ttl_that_the_zone_changed_is_said() -> None:
    memory, world = Memory(), World(*instance("gw-1", ttl=60))
    before = await seen(world, memory)
    world.lines = instance("gw-1", ttl=30)

    assert await seen(world, memory) == replace(before, candidates=(replace(before.candidates[0], ttl=30.0),))


@pytest.mark.parametrize(
    ("ttl", "spent", "seconds"),
    [(60, 0.1, 60), (1, 0.1, 5), (0, 0.1, 5), (None, 0.1, 5), (1, 20.0, 20), (1 << 31, 0.1, WAIT_MOST)],
)
def test_the_pause_is_the_ttl_within_bounds(ttl: float | None, spent: float, seconds: float) -> None:
    assert pause(ttl, 5.0, spent) == seconds


class Fuzzed:
    """A server whose answers are damaged in whatever way hypothesis thinks of."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._world = World(*instance("gw-1"), *instance("gw-2", address="2001:db8::1"))

    async def few(self, question: Question) -> tuple[Found, Answer]:
        return await follow(self._answer, question)

    many = few

    async def _answer(self, question: Question) -> Answer:
        wire = bytearray(self._world.wire(question))
        for _ in range(self._data.draw(st.integers(0, 6))):
            wire[self._data.draw(st.integers(0, len(wire) - 1))] = self._data.draw(st.integers(0, 255))
        try:
            return read(bytes(wire), question)
        except MessageError as error:
            raise Unanswered(str(error)) from error


@given(st.data())
async def test_whatever_is_answered_the_look_ends_in_a_report(data: st.DataObject) -> None:
    memory = Memory()
    report = await memory.report(await look(Fuzzed(data), DOMAIN), 0.0)

    if isinstance(report, Seen):
        assert all(problem.code and problem.detail.isprintable() for problem in report.refused)
    else:
        assert report.reason.isprintable()
