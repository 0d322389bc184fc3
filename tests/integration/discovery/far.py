"""What runs at the far end of a link, as a process in its namespace: ``python -m …far watch|flood``."""

import asyncio
import json
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


async def flood(count: int) -> None:
    """Announce so many services, each once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        sender.bind(("", GROUP[1]))
        for number in range(count):
            sender.sendto(announcement(number), GROUP)
            if not number % PACE:
                await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(watch() if sys.argv[1] == "watch" else flood(int(sys.argv[2])))
