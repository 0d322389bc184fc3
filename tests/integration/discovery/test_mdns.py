"""mDNS on a real link with a real avahi: both families, floods, our own announcements, interfaces that go."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane.discovery.mdns import Mdns, MdnsOptions
from control_plane.discovery.mdns_advertise import Advertisement
from control_plane.discovery.mdns_link import empty
from control_plane.discovery.mdns_view import MAX_SERVICES
from control_plane.model.sighting import Candidate
from control_plane.ports.source import Lost, Report, Seen
from tests.contract.source_world import Reader
from tests.integration.discovery.avahi import Avahi, Link, needs_avahi
from tests.integration.discovery.bind9 import instance, txt_of
from tests.integration.discovery.far import start

pytestmark = [pytest.mark.integration, needs_avahi]
GATEWAY = Advertisement(
    node_id="gateway-1",
    organisation="bergen.example",
    spiffe_id="spiffe://bergen.example/gateway/gateway-1",
    port=8443,
    address="192.0.2.99",
)


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    async with Link() as made:
        yield made


@pytest.fixture
async def avahi(link: Link, tmp_path: Path) -> AsyncIterator[Avahi]:
    async with Avahi(tmp_path / "avahi", link) as made:
        yield made


def has(**wanted: str) -> Callable[[Report], bool]:
    """Whether exactly these nodes are seen, each with this address."""

    def check(report: Report) -> bool:
        return isinstance(report, Seen) and wanted == {
            one.node_id.replace("-", "_"): one.endpoints[0].host for one in report.candidates
        }

    return check


async def test_addresses_of_both_families_are_seen(link: Link, avahi: Avahi) -> None:
    avahi.publish(instance("gw-1"), instance("gw-2", address="2001:db8::7"))

    async with Reader(Mdns(MdnsOptions(interface=link.name))) as reader:
        await reader.until(has(gw_1="192.0.2.7", gw_2="2001:db8::7"))


async def test_a_link_without_ipv4_is_listened_to_as_well(tmp_path: Path) -> None:
    async with Link(v4=False) as link, Avahi(tmp_path / "avahi", link) as avahi:
        avahi.publish(instance("gw-1", address="2001:db8::7"))

        async with Reader(Mdns(MdnsOptions(interface=link.name))) as reader:
            await reader.until(has(gw_1="2001:db8::7"))


async def test_a_changed_txt_record_is_one_change_and_nothing_goes_in_between(
    link: Link, avahi: Avahi
) -> None:
    one = instance("gw-1")
    avahi.publish(one)
    async with Reader(Mdns(MdnsOptions(interface=link.name))) as reader:
        await reader.until(has(gw_1="192.0.2.7"))
        avahi.publish(replace(one, txt=txt_of("gw-1", version="2")))

        versions = list[str]()
        while versions[-1:] != ["2"]:
            report = await reader.next()
            assert isinstance(report, Seen)
            versions += [node.version for node in report.candidates] or ["gone"]

    assert set(versions) <= {"", "2"}


async def test_an_adapter_that_is_taken_out_is_lost_and_used_when_it_is_back(
    link: Link, avahi: Avahi
) -> None:
    avahi.publish(instance("gw-1"))
    async with Reader(Mdns(MdnsOptions(interface=link.name))) as reader:
        before = await reader.until(has(gw_1="192.0.2.7"))
        await link.unplug()
        # While it goes, it may be down, or without an address.
        await reader.until(lambda report: isinstance(report, Lost) and "no interface" in report.reason)
        await link.plug()
        after = await reader.until(lambda report: isinstance(report, Seen))
        avahi.publish(instance("gw-2", address="192.0.2.8"))
        await reader.until(has(gw_1="192.0.2.7", gw_2="192.0.2.8"))

    assert after == before


async def test_other_links_are_not_listened_to(link: Link, avahi: Avahi, tmp_path: Path) -> None:
    async with Link() as other, Avahi(tmp_path / "other" / "avahi", other) as stranger:
        stranger.publish(instance("gw-9"))
        avahi.publish(instance("gw-1"))

        async with (
            Reader(Mdns(MdnsOptions(interface=link.name))) as here,
            Reader(Mdns(MdnsOptions(interface=other.name))) as there,
        ):
            await there.until(has(gw_9="192.0.2.7"))
            await here.until(has(gw_1="192.0.2.7"))


@asynccontextmanager
async def insisting(link: Link, count: int) -> AsyncIterator[None]:
    """So many services are announced at the far end, again and again; the first time is over."""
    far = await start(link.namespace, "insist", str(count))
    try:
        assert far.stdout is not None
        async with asyncio.timeout(60):
            assert await far.stdout.readline()
        yield
    finally:
        far.kill()
        await far.wait()


async def test_a_flood_is_bounded_and_said_and_who_was_there_before_stays(link: Link, avahi: Avahi) -> None:
    avahi.publish(instance("gw-1"))
    async with Reader(Mdns(MdnsOptions(interface=link.name))) as reader:
        first = await reader.until(has(gw_1="192.0.2.7"))
        assert isinstance(first, Seen)
        async with insisting(link, 5000):  # a receiver without time loses some of them
            report = await reader.until(lambda said: isinstance(said, Seen) and said.left_out >= 3000)

        assert isinstance(report, Seen)
        assert len(report.candidates) <= MAX_SERVICES
        assert _of(report, "gw-1") == _of(first, "gw-1")
        avahi.publish(replace(instance("gw-1"), txt=txt_of("gw-1", version="2")))
        await reader.until(lambda said: isinstance(said, Seen) and _of(said, "gw-1").version == "2")


async def test_what_other_links_say_while_a_link_is_opened_is_not_heard() -> None:
    async with (
        Link(v6=False) as link,  # Linux hands on more of IPv4 to a socket that is of IPv4 alone
        Link() as other,
        Reader(Mdns(MdnsOptions(interface=other.name))) as there,  # so that this host takes it in
        insisting(other, 500),
    ):
        await there.until(lambda said: isinstance(said, Seen) and len(said.candidates) > 100)
        async with slowed_down(), Reader(Mdns(MdnsOptions(interface=link.name))) as here:
            assert await here.next() == Seen(())


@asynccontextmanager
async def slowed_down() -> AsyncIterator[None]:
    """The event loop has much else to do, so that something arrives between any two turns of ours."""

    async def hog() -> None:
        while True:
            time.sleep(0.02)  # noqa: ASYNC251 - that is what it is for
            await asyncio.sleep(0)

    hogging = asyncio.create_task(hog())
    try:
        yield
    finally:
        hogging.cancel()


def test_what_arrived_at_a_socket_before_it_was_bound_to_its_link_is_not_read() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        early.bind(("127.0.0.1", 0))
        for said in (b"first", b"", b"third"):
            sender.sendto(said, early.getsockname())

        empty(early)

        with pytest.raises(BlockingIOError):
            early.recv(1, socket.MSG_DONTWAIT)


async def test_datagrams_of_any_bytes_do_no_harm(link: Link, avahi: Avahi) -> None:
    avahi.publish(instance("gw-1"))
    async with Reader(Mdns(MdnsOptions(interface=link.name))) as reader:
        first = await reader.until(has(gw_1="192.0.2.7"))
        assert isinstance(first, Seen)
        noise = await start(link.namespace, "noise", "2000")
        assert await noise.wait() == 0
        avahi.publish(instance("gw-2", address="192.0.2.8"))

        report = await reader.until(lambda said: isinstance(said, Seen) and "gw-2" in str(said.candidates))

    assert isinstance(report, Seen)
    assert _of(report, "gw-1") == _of(first, "gw-1")


def _of(report: Seen, node_id: str) -> Candidate:
    return next(one for one in report.candidates if one.node_id == node_id)


async def test_our_own_gateways_are_announced_and_not_discovered_and_say_goodbye(link: Link) -> None:
    announced = [GATEWAY]

    async def ours() -> Sequence[Advertisement]:
        return tuple(announced)

    watcher = await start(link.namespace, "watch", "0")
    try:
        async with Reader(Mdns(MdnsOptions(interface=link.name, advertised=ours))) as reader:
            wanted = ["gateway-1", GATEWAY.spiffe_id, [["192.0.2.99", 8443, 0, 1]]]
            assert await _until(watcher, lambda nodes: nodes == [wanted])
            announced.clear()
            assert await _until(watcher, lambda nodes: nodes == [])
            announced.append(GATEWAY)
            assert await _until(watcher, lambda nodes: nodes == [wanted])
            assert await reader.until(has()) == Seen(())
        assert await _until(watcher, lambda nodes: nodes == [])
    finally:
        watcher.kill()
        await watcher.wait()


async def _until(watcher: asyncio.subprocess.Process, holds: Callable[[list[object]], bool]) -> bool:
    """Whether the far end comes to see this."""
    assert watcher.stdout is not None
    async with asyncio.timeout(20):
        while line := await watcher.stdout.readline():
            if holds(json.loads(line)):
                return True
    return False
