"""Bundles followed over real connections, and what only one replica does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import asyncpg
import pytest

from control_plane.model.agreement import AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import BundleSource, PeeringAddress
from control_plane.ports.errors import UnavailableError
from control_plane.store.singleton import PostgresSingleton
from control_plane.trust.bundles import PartnerBundles
from tests.integration.peering.conftest import Deploy
from tests.integration.peering.deployment import Deployment
from tests.unit.peering.world import Organisation

pytestmark = pytest.mark.integration

LUEBECK, VISBY, RIGA = (TrustDomain(f"{name}.example") for name in ("luebeck", "visby", "riga"))


async def eventually(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - another process's clock decides
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(bundles: PartnerBundles) -> AsyncIterator[None]:
    task = asyncio.create_task(bundles.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def partners(deployment: Deploy) -> tuple[Deployment, Deployment]:
    luebeck = await deployment("luebeck.example", automatic=frozenset({VISBY}))
    visby = await deployment("visby.example", automatic=frozenset({LUEBECK}))
    await visby.peering.joiner.join(await luebeck.invite("visby.example"), actor="bob")
    return luebeck, visby


async def test_an_anchor_that_a_partner_adds_is_taken_over(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    old = luebeck.authority.bundle()
    new = Bundle(
        LUEBECK, (*old.anchors, *Organisation.new(LUEBECK).bundle.anchors), sequence=old.sequence + 1
    )

    async def taken() -> bool:
        return await visby.bundle(LUEBECK) == new

    async with running(visby.bundles):
        await eventually(lambda: fetched(visby, LUEBECK))
        luebeck.own_bundle.given = new
        await visby.states.hurry(LUEBECK, spacing=0)
        await eventually(taken)

    (event,) = await visby.audited("bundle.take")
    assert event.resource == LUEBECK
    assert event.metadata["code"] == "anchors_added"


async def fetched(deployment: Deployment, organisation: TrustDomain) -> bool:
    return any(
        state.source.organisation == organisation and state.fetched_at is not None
        for state in await deployment.states.all()
    )


async def test_an_unreachable_endpoint_takes_down_nobody_else(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    old = luebeck.authority.bundle()
    newer = replace(old, sequence=old.sequence + 1)
    luebeck.own_bundle.given = newer
    await visby.decide(RIGA, AgreementState.TRUSTED)
    nowhere = BundleSource.of_peer(RIGA, (PeeringAddress("127.0.0.1", 1),))
    await visby.bundles.follow(nowhere, actor="op")

    async def done() -> bool:
        return await visby.bundle(LUEBECK) == newer and await fetched(visby, RIGA)

    async with running(visby.bundles):
        await visby.bundles.refresh(LUEBECK)
        await eventually(done)

    codes = {state.source.organisation: state.code for state in await visby.bundles.states()}
    assert codes == {LUEBECK: "", RIGA: "trust_withdrawn"}


async def test_only_one_replica_does_what_one_should_do(database_url: str) -> None:
    first = PostgresSingleton(database_url, pause=0.05)
    second = PostgresSingleton(database_url, pause=0.05)
    order: list[str] = []

    async def wait() -> None:
        async with second.hold("x") as lease:
            order.append("second")
            assert await lease.held()

    async with first.hold("x") as lease, first.hold("y"):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.3)
        assert await lease.held()
        order.append("first")
    async with asyncio.timeout(5):
        await waiting

    assert order == ["first", "second"]


async def test_a_replica_that_loses_its_connection_knows_that_it_is_not_the_one(database_url: str) -> None:
    singleton = PostgresSingleton(database_url, pause=0.05)

    async with singleton.hold("x") as lease:
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <>"
            " pg_backend_pid()"
        )
        await connection.close()
        held = await lease.held()
        async with asyncio.timeout(5), singleton.hold("x") as other:
            assert await other.held()

    assert held is False


async def test_a_database_that_is_away_is_said_so() -> None:
    singleton = PostgresSingleton("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(UnavailableError):
        async with singleton.hold("x"):
            pass
