"""What runs at the far end of a link, in its namespace: ``python -m …far watch|flood|insist|noise N``."""

import asyncio
import json
import random
import socket
import sys

import dns.flags
import dns.message
import dns.rrset

from control_plane.discovery.mdns import Mdns, MdnsOptions
from control_plane.ports.source import Seen
from tests.integration.discovery.bind9 import txt_of

GROUP = ("224.0.0.251", 5353)
TYPE = "_proxenia._tcp.local."
PACE = 20  # packets, and then a pause, so that the receiver's buffer holds them


async def start(namespace: str, *words: str) -> asyncio.subprocess.Process:
    """Run this module in a namespace."""
    command = (
        "ip",
        "netns",
        "exec",
        namespace,
        sys.executable,
        "-m",
        "tests.integration.discovery.far",
        *words,
    )
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def watch() -> None:
    """Print the reports of a source here, a line each."""
    async for report in Mdns(MdnsOptions(interface="eth0")).reports():
        if isinstance(report, Seen):
            nodes = [[one.node_id, one.spiffe_id, one.endpoints] for one in report.candidates]
            print(json.dumps(nodes), flush=True)  # noqa: T201 - read by the test


def announcement(number: int) -> bytes:
    """All records of one service, unasked."""
    name, host = f"flood-{number}.{TYPE}", f"flood-{number}.local."
    texts = " ".join(f'"{text}"' for text in txt_of(f"flood-{number}"))
    made = dns.message.Message(id=0)
    made.flags = dns.flags.QR | dns.flags.AA
    for owner, kind, data in (
        (TYPE, "PTR", name),
        (name, "SRV", f"0 0 8443 {host}"),
        (name, "TXT", texts),
        (host, "A", f"198.51.{100 + number // 250 % 100}.{number % 250 + 1}"),
    ):
        made.answer.append(dns.rrset.from_text(owner, 4500, "IN", kind, data))
    return made.to_wire()


def opened() -> socket.socket:
    """A socket that speaks to the link."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    sender.bind(("", GROUP[1]))
    return sender


async def flood(count: int) -> None:
    """Announce so many services, each once."""
    with opened() as sender:
        for number in range(count):
            sender.sendto(announcement(number), GROUP)
            if not number % PACE:
                await asyncio.sleep(0.01)


async def insist(count: int) -> None:
    """Announce so many services again and again, and say so after the first time."""
    await flood(count)
    print("all were announced", flush=True)  # noqa: T201 - read by the test
    while True:
        await flood(count)


async def noise(count: int) -> None:
    """Send datagrams of nothing, and announcements with wrong bytes in them."""
    chance = random.Random(count)  # noqa: S311 - the same noise each time
    with opened() as sender:
        for number in range(count):
            damaged = bytearray(announcement(number))
            for _ in range(chance.randint(1, 40)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            sender.sendto(damaged if number % 2 else chance.randbytes(chance.randint(0, 600)), GROUP)
            if not number % PACE:
                await asyncio.sleep(0.01)


MODES = {"watch": lambda _count: watch(), "flood": flood, "insist": insist, "noise": noise}

if __name__ == "__main__":
    asyncio.run(MODES[sys.argv[1]](int(sys.argv[2])))
