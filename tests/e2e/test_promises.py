"""What must hold while parts die: no request fails because of it, no audit row is missing or double."""

import asyncio
from collections import Counter

import pytest

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.demo.scene import Scene
from tests.e2e.traffic import agree_on, send

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def all_served(scene: Scene) -> None:
    """Both of Luebeck's nodes take part again."""

    async def connected() -> bool:
        gateways = (await scene.luebeck.get("/federation/gateways"))["items"]
        return all(gateway["connected"] for gateway in gateways)

    await eventually("luebeck's gateways to be connected", connected, within=30)


async def test_a_killed_node_costs_no_request_and_no_audit_row(stage: Scene) -> None:
    site = stage.luebeck.sites[1]

    async def kill() -> None:
        await stage.luebeck.kill_site(site)

    outcome = await send(stage, 2000, at={700: kill})
    stage.luebeck.start_site(site)
    await all_served(stage)

    assert outcome.statuses == Counter({200: 2000})
    assert len(set(outcome.correlation_ids)) == 2000
    await agree_on(stage, outcome)


@pytest.mark.parametrize("process", ["control-plane", "gateway", "postgres"])
async def test_killing_a_process_on_both_sides_costs_no_request_and_no_audit_row(
    stage: Scene, process: str
) -> None:
    async def kill(organisation: Organisation) -> None:
        organisation.kill(process)
        await asyncio.sleep(0)

    outcome = await send(
        stage, 1500, at={300: lambda: kill(stage.luebeck), 800: lambda: kill(stage.novgorod)}
    )
    await asyncio.gather(stage.luebeck.ready_again(), stage.novgorod.ready_again())

    assert outcome.statuses == Counter({200: 1500})
    await agree_on(stage, outcome, within=40)


async def test_envoy_is_the_same_process_after_its_agent_was_killed(stage: Scene) -> None:
    site = stage.luebeck.sites[0]
    agent_file = stage.luebeck.state_dir / "run" / "gateway.pid"
    before, agent = stage.luebeck.envoy_pid(site), agent_file.read_text()

    stage.luebeck.kill_agent()

    async def replaced() -> bool:
        return agent_file.read_text() != agent

    await eventually("another agent", replaced)
    outcome = await send(stage, 50, at={})
    await agree_on(stage, outcome)
    assert stage.luebeck.envoy_pid(site) == before
