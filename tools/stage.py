"""A federation that has something to show, in real processes; Novgorod's dashboard is looked at.

Who is whose partner is in tools/stage_treaties.py, and what happened since in tools/stage_past.py.
"""

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from control_plane.app.demo.organisation import Organisation, Site, free_port
from control_plane.app.demo.scene import all_of
from control_plane.app.demo.upstream import Upstream

SERVICES = ("orders", "stockfish", "ledger")
WITHIN = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Stage:
    """``root`` is the address of Novgorod's dashboard, ``nodes_file`` what its operator writes nodes into."""

    novgorod: Organisation
    luebeck: Organisation
    bergen: Organisation
    root: str
    services: Mapping[str, Upstream]
    nodes_file: Path

    async def link(self) -> str:
        """An address that signs a browser in, once."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "control_plane", "dashboard", "-o", "json"),
            env={**os.environ, "PROXENIA_STATE_DIR": str(self.novgorod.state_dir)},
            stdout=PIPE,
        )
        said = (await asyncio.wait_for(process.communicate(), 30))[0]
        return str(json.loads(said)["url"])

    async def call(
        self, caller: Organisation, resource: str, path: str = "/", *, times: int = 1, site: int = 0
    ) -> None:
        """Requests of the caller's application, one after the other; ``{}`` in the path is their number."""
        url = f"http://127.0.0.1:{caller.sites[site].egress}"
        headers = {"host": resource.replace("@", ".")}
        async with aiohttp.ClientSession(timeout=WITHIN) as session:
            for number in range(times):
                with suppress(aiohttp.ClientError):  # its listener is just being made
                    async with session.get(url + path.format(number), headers=headers) as answer:
                        await answer.read()


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[Stage]:
    """Everything, started; stopped in the end. Who calls it introduces them (stage_treaties)."""
    port, nodes_file = free_port(), directory / "nodes.yaml"
    nodes_file.write_text("nodes: []\n")
    async with AsyncExitStack() as stack:
        services = {name: await stack.enter_async_context(Upstream(name)) for name in SERVICES}
        novgorod = _organisation(
            "novgorod",
            directory,
            PROXENIA_ADMIN_LISTEN=f"127.0.0.1:{port}",
            PROXENIA_NODES_FILE=str(nodes_file),
            PROXENIA_CONSUL_ADDRESS=f"http://127.0.0.1:{free_port()}",  # where there is none
        )
        luebeck, bergen = _organisation("luebeck", directory, sites=2), _organisation("bergen", directory)
        await stack.enter_async_context(all_of(novgorod, luebeck, bergen))
        await asyncio.gather(*(one.ready() for one in (novgorod, luebeck, bergen)))
        taken = stack.enter_context(socket.socket())
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        # Its Envoy refuses a listener, because the port is taken.
        novgorod.start_site(Site("novgorod-2", ingress=taken.getsockname()[1]))
        root = f"http://127.0.0.1:{port}"
        yield Stage(novgorod, luebeck, bergen, root, services, nodes_file)


def _organisation(name: str, directory: Path, *, sites: int = 1, **more: str) -> Organisation:
    settings = {
        "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
        "PROXENIA_HEARTBEAT_SECONDS": "1",
        "PROXENIA_CIRCUIT_OPEN_SECONDS": "300",
    }
    return Organisation(f"{name}.example", directory, sites=sites, settings=settings | more)
