"""Spellings of paths, sent straight to a real ingress by a partner's gateway that tidies nothing."""

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.integration.translate.parties import CALLER_ID, Parties
from tests.integration.translate.test_strangers import context

pytestmark = pytest.mark.integration

# ``items`` is granted as GET at /items and below, and POST below /orders/.
CLIMBING = [
    "/items/../orders/1",
    "/items/%2e%2e/orders/1",
    "/items/%2E./orders/1",
    "/items/..%2forders/1",
    "/items/..%2Forders/1",
    "/items/..%5corders/1",
    "/items/..\\orders/1",
    "/items\\..\\orders/1",
    "/items/..;/orders/1",
    "/items/.%2e;a=b/orders/1",
    "/items/x/../../orders/1",
    "/items/./../orders/1",
    "/items//../../orders/1",
    "/items%00/orders",
    "/items%2f..%2forders",
    "/../orders/1",
    "//orders/1",
    "/ITEMS/1",
    "/itemsmore",
    "/orders/1?/items",
    "/orders/1#/items",
    "http://items.server.example/orders/1",
    "*",
    "items/1",
]


@pytest.fixture
def friend(shared: Parties, tmp_path: Path) -> ssl.SSLContext:
    return context(tmp_path, shared.caller_authority.leaf(CALLER_ID))


async def got(both: Parties, tls: ssl.SSLContext, path: str, *, host: str = "items.server.example") -> int:
    """The status of GET with this path as it stands; 0 when the connection was cut instead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", both.servers[0].ports["ingress"], ssl=tls)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        words = (await asyncio.wait_for(reader.readline(), 5)).split()
        return int(words[1]) if words else 0
    finally:
        writer.close()


async def test_no_spelling_of_a_path_leads_out_of_what_is_granted(
    shared: Parties, friend: ssl.SSLContext
) -> None:
    answered = {path: await got(shared, friend, path) for path in CLIMBING}

    assert {path: status for path, status in answered.items() if status not in {400, 403, 404}} == {}
    assert shared.service.seen == []


async def test_what_is_tidied_is_judged_and_forwarded_as_one_spelling(
    shared: Parties, friend: ssl.SSLContext
) -> None:
    tidied = ["/items/./1", "/items//1", "/items/a/../1", "/orders/../items/1", "/items/%31"]

    answered = {path: await got(shared, friend, path) for path in tidied}

    lines = await shared.servers[0].written("access", len(tidied))
    paths = [str(line["path"]) for line in lines]
    assert answered == dict.fromkeys(tidied, 200)
    assert paths == ["/items/1"] * 5


async def test_two_names_in_one_certificate_are_nobody(shared: Parties, tmp_path: Path) -> None:
    pairs = [
        (CALLER_ID, "spiffe://server.example/gateway/gw-0"),
        (CALLER_ID, "spiffe://caller.example/gateway/other"),
        (CALLER_ID, CALLER_ID),
        ("spiffe://caller.example/gateway/other", CALLER_ID),
    ]

    answered = []
    for names in pairs:
        tls = context(tmp_path, shared.caller_authority.leaf(*names))
        try:
            answered.append(await got(shared, tls, "/items/1"))
        except (OSError, ssl.SSLError):
            answered.append(0)

    assert set(answered) <= {0, 403}
    assert shared.service.seen == []
