"""DNS-SD that accepts only what a validating resolver vouches for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import pytest

from control_plane.discovery.dns_sd import DnsOptions, DnsSd
from control_plane.ports.source import Lost, Report, Seen
from tests.integration.discovery.bind9 import Bind9, instance, needs_bind9

pytestmark = [pytest.mark.integration, needs_bind9]
ZONE = "luebeck.example"
SIGNED = "dnssec-policy default; inline-signing yes;"


async def key_of(named: Bind9) -> str:
    """The zone's key as a trust anchor, as soon as everything is signed."""
    query = dns.message.make_query(f"{ZONE}.", "DNSKEY", want_dnssec=True)
    async with asyncio.timeout(20):
        while True:
            answer = await dns.asyncquery.tcp(query, named.server.host, port=named.server.port, timeout=2)
            keys = [rdata for rrset in answer.answer for rdata in rrset if rdata.rdtype.name == "DNSKEY"]
            if keys and len(answer.answer) > 1:
                break
            await asyncio.sleep(0.1)
    flags, protocol, algorithm, *material = keys[0].to_text().split()
    return f'{ZONE}. static-key {flags} {protocol} {algorithm} "{"".join(material)}";'


@pytest.fixture
async def resolver(tmp_path: Path) -> AsyncIterator[Bind9]:
    """A resolver that validates ``luebeck.example``; ``hamburg.example`` beside it is not signed."""
    zones = {ZONE: instance("gw-1").records(), "hamburg.example": instance("gw-2").records()}
    async with AsyncExitStack() as stack:
        signer = await stack.enter_async_context(Bind9(tmp_path / "signer", zones, signed={ZONE: SIGNED}))
        to_signer = f"forward only; forwarders {{ {signer.server.host} port {signer.server.port}; }};"
        extra = f"trust-anchors {{ {await key_of(signer)} }};\n" + "".join(
            f'zone "{zone}" {{ type forward; {to_signer} }};\n' for zone in zones
        )
        options = "recursion yes; dnssec-validation yes; qname-minimization off;"
        yield await stack.enter_async_context(Bind9(tmp_path / "resolver", {}, extra=extra, options=options))


async def look(named: Bind9, domain: str, *, require_dnssec: bool) -> Report:
    options = DnsOptions(domain=domain, servers=(named.server,), require_dnssec=require_dnssec)
    reports = DnsSd(options).reports()
    try:
        async with asyncio.timeout(20):
            return await anext(reports)
    finally:
        await reports.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_what_was_validated_is_seen_and_what_is_not_signed_is_lost(resolver: Bind9) -> None:
    signed = await look(resolver, ZONE, require_dnssec=True)
    unsigned = await look(resolver, "hamburg.example", require_dnssec=True)

    assert isinstance(signed, Seen)
    assert [candidate.node_id for candidate in signed.candidates] == ["gw-1"]
    assert isinstance(unsigned, Lost)
    assert "did not validate" in unsigned.reason


async def test_without_the_requirement_both_are_seen(resolver: Bind9) -> None:
    for domain in (ZONE, "hamburg.example"):
        assert isinstance(await look(resolver, domain, require_dnssec=False), Seen)
