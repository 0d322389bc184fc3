"""Revocation lists and bundle endpoints of one partner, live: they harm that partner, and nobody else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from tests.e2e.conftest import room
from tests.e2e.pair import serial
from tests.e2e.revocation import Load, Stage, stage
from tests.e2e.test_partners import proxenia
from tests.e2e.web import Endpoint, endpoint
from tests.unit.pki.federation import VISBY, organisation
from tests.unit.pki.minting import DAY, NOW, Minted, chain_pem, crl_pem

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

HOUR = timedelta(hours=1)
STOCK = "stock.novgorod.example"
NUMBERS: Iterator[int] = count(1)


@dataclass(frozen=True)
class Live:
    """The stage, and a bundle endpoint of other software."""

    stage: Stage
    endpoint: Endpoint
    directory: Path

    async def both(self) -> tuple[bool, bool]:
        """Whether Novgorod gets into Luebeck, and whether Luebeck gets to Novgorod."""
        asked = ((self.stage.novgorod, "orders.luebeck.example"), (self.stage.luebeck, STOCK))
        return await self._served(*asked[0]), await self._served(*asked[1])

    async def _served(self, caller: Organisation, host: str) -> bool:
        try:
            return await self.stage.call(caller, host) == 200
        except aiohttp.ClientError:
            return False

    async def until(self, wanted: tuple[bool, bool]) -> None:
        """Wait for that."""

        async def is_so() -> bool:
            return await self.both() == wanted

        await eventually(f"into and out of luebeck: {wanted}", is_so, within=20)

    def set_lists(self, *lists: str) -> str:
        """As Luebeck's operator does it with what Novgorod published."""
        file = self.directory / "novgorod.crl"
        file.write_text("".join(lists))
        return proxenia(self.stage.luebeck, "bundle", "crl", "set", "novgorod.example", str(file))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live() -> AsyncIterator[Live]:
    with room() as directory:
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(endpoint(directory))
            settings = {
                "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
                "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
                "SSL_CERT_FILE": str(other.authority),  # what this machine believes of the web
            }
            running = await stack.enter_async_context(stage(directory, settings=settings))
            yield Live(running, other, directory)


def authorities(own: Organisation) -> tuple[Minted, Minted]:
    """Root and intermediate of an organisation with a built-in authority, with their keys."""
    ca = own.state_dir / "ca"
    keys = [load_pem_private_key((ca / file).read_bytes(), None) for file in ("root.key", "issuing.pem")]
    certificates = [
        x509.load_pem_x509_certificate((ca / f"{name}.pem").read_bytes()) for name in ("root", "issuing")
    ]
    root, issuing = (Minted(*pair) for pair in zip(certificates, keys, strict=True))  # type: ignore[arg-type]  # ECDSA
    return root, issuing


async def test_lists_of_a_partner_refuse_that_partner_and_nobody_else(live: Live) -> None:
    root, issuing = authorities(live.stage.novgorod)
    listed = int(serial(live.stage.novgorod), 16)

    def whole(issuer: Minted, *serials: int) -> str:
        number = next(NUMBERS)  # a serial number as well that is new: open connections end
        return crl_pem(issuer, number, *serials, number=number)

    def late(issuer: Minted) -> str:
        return crl_pem(issuer, begin=NOW - 2 * DAY, end=NOW - HOUR, number=next(NUMBERS))

    async with Load(live.stage, live.stage.bergen).running() as others:
        live.set_lists(whole(root), whole(issuing))
        await live.until((True, True))
        live.set_lists(whole(root), whole(issuing, listed))
        await live.until((False, False))
        proof = await live.stage.proof(live.stage.novgorod)
        live.set_lists(whole(root), whole(issuing))
        await live.until((True, True))
        told = live.set_lists(whole(root), late(issuing))
        await live.until((False, False))
        live.set_lists(whole(root))
        await live.until((False, False))
        proxenia(live.stage.luebeck, "bundle", "crl", "set", "novgorod.example", "--policy", "soft")
        await live.until((True, True))
        proxenia(live.stage.luebeck, "bundle", "crl", "remove", "novgorod.example")
        await live.until((True, True))

    assert others.statuses == {200}
    assert len(others.answers) > 100
    assert proof["connections_left"] == 0
    assert "crl_expired" in told


async def test_a_bundle_endpoint_that_cannot_be_reached_takes_nobody_down(live: Live) -> None:
    luebeck = live.stage.luebeck
    nowhere = f"https://127.0.0.1:{free_port()}/bundle"

    async with Load(live.stage, live.stage.bergen).running() as others:
        proxenia(luebeck, "bundle", "follow", "novgorod.example", nowhere, "--web")
        failed = await eventually(
            "a fetch that failed", lambda: source(live, "novgorod.example", "unavailable")
        )
        still = await live.both()

    assert failed["failures"] >= 1
    assert others.statuses == {200}
    assert still == (True, True)


async def test_a_bundle_of_other_software_is_followed_by_hand(live: Live) -> None:
    luebeck, visby = live.stage.luebeck, organisation(VISBY)
    proxenia(luebeck, "agreement", "add", VISBY)
    live.endpoint.bundle = Bundle(TrustDomain(VISBY), (chain_pem(visby.root),), sequence=1)

    proxenia(luebeck, "bundle", "follow", VISBY, live.endpoint.url, "--web")
    held = (await eventually("a bundle to wait", lambda: source(live, VISBY, "anchors_new")))["held"]
    listed = proxenia(luebeck, "bundle", "sources")
    approved = proxenia(luebeck, "bundle", "approve", VISBY)
    live.endpoint.bundle = Bundle(
        TrustDomain(VISBY), (chain_pem(visby.root), chain_pem(visby.issuing)), sequence=2
    )
    proxenia(luebeck, "bundle", "refresh", VISBY)

    assert held["words"] in listed
    assert "number 1" in approved
    assert await eventually("the second anchor", lambda: anchors(live, VISBY, 2), within=20)


async def source(live: Live, of: str, code: str) -> dict[str, Any]:
    """What is shown of where a bundle is fetched, once its outcome is ``code``."""
    items = (await live.stage.luebeck.get("/federation/bundle-sources"))["items"]
    return next((one for one in items if one["organisation"] == of and one["code"] == code), {})


async def anchors(live: Live, of: str, number: int) -> bool:
    """Whether Luebeck holds so many anchors of it."""
    items = (await live.stage.luebeck.get("/federation/bundles"))["items"]
    return any(one["organisation"] == of and len(one["anchors"]) == number for one in items)
