"""DNS-SD against real name servers: what they answer, refuse, break and cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from dns.name import from_text

from control_plane.discovery.dns_exchange import Server
from control_plane.discovery.dns_look import LOOK_DEADLINE
from control_plane.discovery.dns_message import Question, RecordType
from control_plane.discovery.dns_sd import DnsOptions, DnsSd
from control_plane.discovery.dns_servers import NameServers
from control_plane.model.sighting import RawEndpoint
from control_plane.ports.source import Lost, Report, Seen
from tests.integration.discovery.bind9 import SERVICE, Bind9, free_port, instance, needs_bind9, txt_of
from tests.integration.discovery.garbage import Garbage, answer, record

pytestmark = [pytest.mark.integration, needs_bind9]
ZONE = "luebeck.example"
HOME = f"{SERVICE}.{ZONE}."


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Bind9]:
    async with Bind9(tmp_path / "named", {ZONE: instance("gw-1").records()}) as server:
        yield server


async def look(
    *servers: Server, domain: str = ZONE, require_dnssec: bool = False, within: float = 20
) -> Report:
    """What a new source says first."""
    options = DnsOptions(domain=domain, servers=servers, require_dnssec=require_dnssec)
    reports = DnsSd(options).reports()
    try:
        async with asyncio.timeout(within):
            return await anext(reports)
    finally:
        await reports.aclose()  # type: ignore[attr-defined]  # it is a generator


async def seen(*servers: Server, domain: str = ZONE) -> Seen:
    report = await look(*servers, domain=domain)
    assert isinstance(report, Seen), report
    return report


async def lost(*servers: Server, domain: str = ZONE, require_dnssec: bool = False) -> str:
    report = await look(*servers, domain=domain, require_dnssec=require_dnssec)
    assert isinstance(report, Lost), report
    return report.reason


def names(report: Seen) -> list[str]:
    return [candidate.name for candidate in report.candidates]


def codes(report: Seen) -> dict[str, str]:
    return {problem.subject.removesuffix(f".{HOME}"): problem.code for problem in report.refused}


async def test_a_zone_that_it_does_not_have_is_refused_and_so_lost(named: Bind9) -> None:
    assert "says REFUSED" in await lost(named.server, domain="hamburg.example")


async def test_a_domain_without_instances_is_empty(named: Bind9) -> None:
    assert await seen(named.server, domain=f"nothing.{ZONE}") == Seen(())


async def test_a_zone_that_cannot_be_served_is_lost(tmp_path: Path) -> None:
    secondary = (
        f'zone "hamburg.example" {{ type secondary; primaries {{ 127.0.0.1 port {free_port()}; }}; }};'
    )
    async with Bind9(tmp_path / "named", {ZONE: ""}, extra=secondary) as named:
        assert "says SERVFAIL" in await lost(named.server, domain="hamburg.example")


async def test_without_a_server_the_source_is_lost() -> None:
    assert "connection refused" in (await lost(Server("127.0.0.1", free_port()))).lower()


async def test_the_next_server_is_asked_when_one_is_dead_or_silent_or_refuses(
    named: Bind9, tmp_path: Path
) -> None:
    dead = Server("127.0.0.1", free_port())
    async with (
        Bind9(tmp_path / "other", {"hamburg.example": ""}) as refusing,
        Bind9(tmp_path / "silent", {ZONE: ""}) as silent,
    ):
        silent.freeze()
        for bad in (dead, refusing.server, silent.server):
            assert names(await seen(bad, named.server)) == ["gw-1"]


async def test_a_server_that_failed_is_asked_last_from_then_on(named: Bind9, tmp_path: Path) -> None:
    async with Bind9(tmp_path / "silent", {ZONE: ""}) as silent:
        silent.freeze()

        async with NameServers((silent.server, named.server)) as servers:
            for _ in range(5):  # on a busy machine the one that works can also be late
                await servers.few(Question(from_text(HOME), RecordType.PTR))
                if servers.order[0] == named.server:
                    break

        assert servers.order == (named.server, silent.server)


async def test_answers_that_are_cut_off_are_asked_for_over_tcp(named: Bind9) -> None:
    many = [instance(f"gateway-with-a-long-name-{number}") for number in range(90)]
    await named.publish(ZONE, *many)

    assert len(names(await seen(named.server))) == 91


async def test_instances_have_any_name_and_dots_and_utf8(named: Bind9) -> None:
    txt = " ".join(f'"{text}"' for text in txt_of("gw-9", node="gw-9"))
    for name in (r"B\195\188ro\032im\0322\.\032Stock", r"a\032\(b\)"):
        full = f"{name}.{SERVICE}"
        await named.change(
            ZONE,
            add=[
                f"{SERVICE} 60 PTR {full}.{ZONE}.",
                f"{full} 60 SRV 0 1 8443 host-gw-1",
                f"{full} 60 TXT {txt}",
            ],
        )

    report = await seen(named.server)

    assert sorted(names(report)) == ["Büro im 2. Stock", "a (b)", "gw-1"]
    assert {one.node_id for one in report.candidates} == {"gw-1", "gw-9"}


async def test_priorities_and_weights_and_both_families_are_carried(named: Bind9) -> None:
    await named.change(
        ZONE,
        delete=[f"gw-1.{SERVICE}"],
        add=[
            f"gw-1.{SERVICE} 60 SRV 40000 7 9443 backup",
            f"gw-1.{SERVICE} 60 SRV 10 0 8443 main",
            f"gw-1.{SERVICE} 60 TXT " + " ".join(f'"{text}"' for text in txt_of("gw-1")),
            "main 60 A 192.0.2.1",
            "main 60 AAAA 2001:db8::1",
            "backup 60 CNAME other",
            "other 60 A 192.0.2.2",
        ],
    )

    (candidate,) = (await seen(named.server)).candidates

    assert candidate.endpoints == (
        RawEndpoint("192.0.2.1", 8443, 0, 1),
        RawEndpoint("2001:db8::1", 8443, 0, 1),
        RawEndpoint("192.0.2.2", 9443, 1, 7),
    )


async def test_hostile_records_are_refused_with_their_codes_and_the_others_are_seen(named: Bind9) -> None:
    good = " ".join(f'"{text}"' for text in txt_of("x"))
    srv = "60 SRV 0 1 8443"
    hostile = {
        "no-srv": [],
        "no-txt": [f"no-txt.{SERVICE} {srv} host-gw-1"],
        "empty-txt": [f"empty-txt.{SERVICE} {srv} host-gw-1", f'empty-txt.{SERVICE} 60 TXT ""'],
        "strings": [
            f"strings.{SERVICE} {srv} host-gw-1",
            f"strings.{SERVICE} 60 TXT " + " ".join(f'"k{number}=1"' for number in range(250)),
        ],
        "binary": [f"binary.{SERVICE} {srv} host-gw-1", rf'binary.{SERVICE} 60 TXT "org=\255\254"'],
        "crowd": [
            f"crowd.{SERVICE} {srv} crowd-host",
            f"crowd.{SERVICE} 60 TXT {good}",
            *(f"crowd-host 60 A 198.51.100.{number}" for number in range(1, 100)),  # bind9 lets no more in,
        ],
        "loop": [
            f"loop.{SERVICE} {srv} loop-host",
            f"loop.{SERVICE} 60 TXT {good}",
            "loop-host 60 CNAME loop-host",
        ],
        "unavailable": [f"unavailable.{SERVICE} 60 SRV 0 0 0 .", f"unavailable.{SERVICE} 60 TXT {good}"],
        "no-address": [f"no-address.{SERVICE} {srv} nowhere", f"no-address.{SERVICE} 60 TXT {good}"],
    }
    for label, records in hostile.items():
        await named.change(ZONE, add=[f"{SERVICE} 60 PTR {label}.{SERVICE}.{ZONE}.", *records])
    await named.publish(ZONE, instance("gw-2"))

    report = await seen(named.server)

    assert names(report) == ["gw-1", "gw-2"]
    assert codes(report) == {
        "no-srv": "no_srv",
        "no-txt": "no_txt",
        "empty-txt": "no_txt",
        "strings": "txt_too_long",
        "binary": "txt_not_utf8",
        "crowd": "too_many_addresses",
        "loop": "alias_loop",
        "unavailable": "no_srv",
        "no-address": "no_address",
    }


async def test_browsing_domains_are_followed(named: Bind9) -> None:
    nord = f"{SERVICE}.nord"
    await named.change(
        ZONE,
        add=[
            f"b._dns-sd._udp 60 PTR nord.{ZONE}.",
            f"{nord} 60 PTR gw-2.{nord}.{ZONE}.",
            f"gw-2.{nord} 60 SRV 0 1 8443 host-gw-1",
            f"gw-2.{nord} 60 TXT " + " ".join(f'"{text}"' for text in txt_of("gw-2")),
        ],
    )

    assert sorted(names(await seen(named.server))) == ["gw-1", "gw-2"]


async def test_one_instance_in_a_dead_zone_keeps_what_it_said_and_delays_nobody(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        partner = await stack.enter_async_context(
            Bind9(tmp_path / "partner", {"hamburg.example": instance("gw-2").records()})
        )
        forward = (
            f'zone "hamburg.example" {{ type forward; forward only; forwarders {{ {partner.server.host} port'
            f" {partner.server.port}; }}; }};"
        )
        listed = f"{instance('gw-1').records()}{SERVICE} 60 PTR gw-2.{SERVICE}.hamburg.example.\n"
        options = (
            "recursion yes; dnssec-validation no; max-cache-ttl 1; max-ncache-ttl 1; qname-minimization off;"
        )
        resolver = await stack.enter_async_context(
            Bind9(tmp_path / "resolver", {ZONE: listed}, extra=forward, options=options)
        )
        source = DnsSd(DnsOptions(domain=ZONE, servers=(resolver.server,), floor=60))
        reports = source.reports()
        before = await anext(reports)
        partner.freeze()
        await asyncio.sleep(1.1)  # the resolver's cache forgets
        await resolver.publish(ZONE, instance("gw-3"))
        source.look()
        during = await anext(reports)
        await reports.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert isinstance(before, Seen)
    assert isinstance(during, Seen)
    assert names(before) == ["gw-1", "gw-2"]
    assert sorted(names(during)) == ["gw-1", "gw-2", "gw-3"]
    assert [problem.code for problem in during.refused] == ["unanswered"]


async def test_it_looks_again_when_the_shortest_ttl_is_over(named: Bind9) -> None:
    await named.publish(ZONE, instance("gw-1", ttl=1))
    source = DnsSd(DnsOptions(domain=ZONE, servers=(named.server,), floor=0.1))
    reports, clock = source.reports(), asyncio.get_running_loop().time
    await anext(reports)
    began = clock()
    await named.publish(ZONE, instance("gw-2", ttl=1))
    async with asyncio.timeout(20):
        while True:
            report = await anext(reports)
            if isinstance(report, Seen) and names(report) == ["gw-1", "gw-2"]:
                break
    await reports.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert clock() - began >= 0.9


async def test_thousands_of_names_without_anything_behind_are_survived_and_told_shortly() -> None:
    server = Server("127.0.0.1", free_port())
    names = b"".join(
        record(b"\xc0\x0c", 12, bytes([4]) + b"%04d" % number + b"\xc0\x0c") for number in range(3000)
    )

    def nonsense(query: bytes) -> bytes:
        browses = b"_proxenia" in query[12:23] and query[-15:-13] == b"\x00\x0c"
        return answer(query, names, count=3000) if browses else answer(query)

    async with Garbage(server, nonsense):
        report = await look(server, within=LOOK_DEADLINE)

    assert isinstance(report, Seen)
    assert report.candidates == ()
    assert len(report.refused) == 1001
    assert report.refused[-1].detail == "2000 more were refused"
