"""Limits are shared by an organisation's gateways: each knows how many they are."""

import aiohttp
import pytest

from control_plane.app.demo.organisation import Organisation, Site, eventually
from control_plane.app.demo.scene import Scene

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def members(organisation: Organisation, site: Site) -> int:
    socket = organisation.state_dir / "gateway" / site.gateway_id / "run" / "admin.sock"
    query = {"filter": "cluster.gateways.membership_total"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.get("http://localhost/stats", params=query) as answer,
    ):
        return int((await answer.text()).rpartition(": ")[2] or 0)


async def test_every_gateway_counts_all_of_its_organisation(stage: Scene) -> None:
    for organisation in (stage.luebeck, stage.novgorod):
        for site in organisation.sites:

            async def counted(whose: Organisation = organisation, where: Site = site) -> bool:
                return await members(whose, where) == len(whose.sites)

            await eventually(f"{site.gateway_id} to count the gateways", counted)
