"""Further failures on running organisations: limits, certificates, lists, names, and refusals by Envoy."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane.app.demo.organisation import Organisation, Site, eventually
from tests.e2e.conftest import room
from tests.e2e.pair import RESOURCE, Pair, pair
from tests.e2e.test_explain import CALLER, ROUTE, call, cause, typed, until
from tests.e2e.test_lists import authorities
from tests.e2e.test_partners import proxenia
from tests.integration.discovery.bind9 import NAMED, Bind9, instance
from tests.unit.pki.minting import DAY, NOW, Minted, chain_pem, crl_pem, key_pem, leaf

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

OURS = (ROUTE, "--as", CALLER)
HOST = f"{RESOURCE}.luebeck.example"


@contextmanager
def occupied() -> Iterator[int]:
    """A port that nobody else can have."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


async def knock_with_an_old_certificate(running: Pair, issuing: Minted, directory: Path) -> None:
    """As Novgorod's gateway would that missed its renewal."""
    old = issuing.sign(leaf(CALLER, begin=NOW - 3 * DAY, end=NOW - DAY))
    file = directory / "old.pem"
    file.write_text(chain_pem(old, issuing) + key_pem(old.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(file)
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", running.luebeck.sites[0].ingress, ssl=context)
        await asyncio.sleep(0.5)
        writer.close()
    except (OSError, ssl.SSLError):
        pass  # it was refused before the connection was there; both are a refusal


async def checked(expected: str, organisation: Organisation) -> str:
    """Until ``proxenia check`` names this (group/code), which makes it end with 1."""

    async def probe() -> bool:
        report = await typed(organisation, "check")
        named = [f"{group['name']}/{one['code']}" for group in report["groups"] for one in group["findings"]]
        return expected in named and report["verdict"] == "problem"

    await eventually(f"{expected} in the check", probe, within=20.0)
    return expected


@asynccontextmanager
async def names(directory: Path) -> AsyncIterator[Bind9]:
    """A name server with a zone; where bind9 is not installed, the address of one that never ran."""
    server = Bind9(directory / "bind9", {"luebeck.example": ""})
    if NAMED is None:
        yield server
        return
    async with server:
        yield server


def asking(server: Bind9) -> dict[str, str]:
    """Discovery that asks there, and that forgets in seconds what it cannot see any more."""
    return {
        "PROXENIA_DNS_DOMAINS": "luebeck.example",
        "PROXENIA_DNS_SERVERS": f"{server.server.host}:{server.server.port}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
        "PROXENIA_DISCOVERY_KEEP_SECONDS": "1",
        "PROXENIA_DISCOVERY_OFFLINE_SECONDS": "1",
        "PROXENIA_DISCOVERY_BLIND_SECONDS": "1",
    }


async def named_by_dns_alone(running: Pair, server: Bind9) -> None:
    """The operator lets go of Luebeck's node, which DNS has meanwhile."""
    port = running.luebeck.sites[0].ingress
    node = "/federation/nodes/luebeck-1@luebeck.example"

    async def seen() -> bool:
        return any(name.startswith("dns") for name in (await running.novgorod.get(node))["sources"])

    if server.running:
        await server.publish("luebeck.example", instance("luebeck-1", address="127.0.0.1", port=port, ttl=1))
        await eventually("the node to be seen in DNS", seen)
    proxenia(running.novgorod, "node", "remove", "luebeck-1@luebeck.example")
    if server.running:
        assert await seen()


async def test_limits_certificates_lists_names_and_refusals_are_named() -> None:
    burst = {"PROXENIA_RATE_LIMIT_BURST": "5", "PROXENIA_RATE_LIMITS": "enforced"}
    found: dict[str, str] = {}
    with room() as directory, occupied() as taken:
        async with (
            names(directory) as dns,
            pair(directory, burst, only_novgorod=asking(dns)) as running,
        ):
            luebeck, novgorod = running.organisations
            _, issuing = authorities(novgorod)

            answers = await asyncio.gather(*(call(running, HOST) for _ in range(40)))
            limited = [rid for status, rid in answers if status == 429]
            assert limited, answers
            found["limit reached"] = await until("limit_reached", luebeck, *OURS)
            found["limit reached, of a request"] = await until("limit_reached", novgorod, limited[0])

            await knock_with_an_old_certificate(running, issuing, directory)
            found["expired certificate"] = await until("certificate_expired", luebeck, *OURS)

            root, _ = authorities(novgorod)
            late = crl_pem(issuing, begin=NOW - 2 * DAY, end=NOW - DAY, number=1)
            lists = {"crls": late + crl_pem(root, number=1), "mode": "hard"}
            await luebeck.put("/federation/bundles/novgorod.example/crls", lists)
            found["stale list"] = await until("crl_expired", luebeck, *OURS)
            found["stale list, checked"] = await checked("certificates/certificate_expired", luebeck)

            second = replace(Site("novgorod-2"), egress=taken)
            novgorod.start_site(second)
            found["refused configuration"] = await until("configuration_refused", novgorod, ROUTE)
            found["refused configuration, checked"] = await checked("ads/nack", novgorod)
            await novgorod.kill_site(second)

            await named_by_dns_alone(running, dns)
            await dns.kill()
            found["name server away, checked"] = await checked("sources/source_lost", novgorod)
            found["name gone"] = await until("name_gone", novgorod, ROUTE)
            assert await cause(novgorod, "--node", "luebeck-1@luebeck.example") == "name_gone"

    assert found == {
        "limit reached": "limit_reached",
        "limit reached, of a request": "limit_reached",
        "expired certificate": "certificate_expired",
        "stale list": "crl_expired",
        "stale list, checked": "certificates/certificate_expired",
        "refused configuration": "configuration_refused",
        "refused configuration, checked": "ads/nack",
        "name server away, checked": "sources/source_lost",
        "name gone": "name_gone",
    }, json.dumps(found)
