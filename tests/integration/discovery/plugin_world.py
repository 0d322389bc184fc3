"""The example plugin as a place for the contract suite: installed, found, allowed and fenced."""

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.discovery.plugins import Plugins, load
from control_plane.ports.source import Source
from tests.contract.source_world import Record

NAME, MODULE = "json-file", "proxenia_json_file"
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "json-file-source"
RUBBISH = {
    "nothing": b"",
    "no JSON": b"nodes:\n",
    "another shape": b'["nodes"]',
    "depth": b"[" * 100_000,
    "entries that are none": b'{"nodes": [7, null, {"node_id": 1}, {"endpoints": []}]}',
    "no list": b'{"nodes": {"a": 1}}',
    "other bytes": b'{"nodes": "\xff"}',
    "too much": b" " * (5 << 20),
}


def install(target: Path) -> None:
    """Install the example into ``target``; nothing is fetched, and nothing else changes."""
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(EXAMPLE)],
        check=True,
        timeout=60,
        env=os.environ | {"PIP_CONFIG_FILE": os.devnull},
    )


@pytest.fixture(scope="session")
def example_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the example is installed, which is on the path of imports."""
    target = tmp_path_factory.mktemp("plugins")
    install(target)
    sys.path.append(str(target))
    importlib.invalidate_caches()
    yield target
    sys.path.remove(str(target))
    sys.modules.pop(MODULE, None)


class PluginWorld:
    """Implements World: a JSON file that the installed example reads."""

    rubbish = tuple(RUBBISH)

    def __init__(self, directory: Path) -> None:
        self._path = directory / "partners.json"
        self._records: dict[str, Record] = {}

    async def start(self) -> None:
        await self.mend()

    async def stop(self) -> None:
        """Nothing runs."""

    async def put(self, record: Record) -> None:
        self._records[record.node_id] = record
        await self._write()

    async def remove(self, node_id: str) -> None:
        del self._records[node_id]
        await self._write()

    async def _write(self) -> None:
        if await asyncio.to_thread(self._path.exists):
            await self.mend()

    async def break_off(self) -> None:
        await asyncio.to_thread(self._path.unlink)

    async def fall_silent(self) -> None:
        await self.break_off()

    async def spoil(self, rubbish: str) -> None:
        await asyncio.to_thread(self._path.write_bytes, RUBBISH[rubbish])

    async def mend(self) -> None:
        nodes = [_entry(record) for record in self._records.values()]
        new = self._path.with_suffix(".new")
        await asyncio.to_thread(new.write_text, json.dumps({"nodes": nodes}))
        await asyncio.to_thread(new.replace, self._path)

    def source(self) -> Source:
        (source,) = load(Plugins(allowed=(NAME,), options={NAME: {"path": str(self._path)}}))
        return source


def _entry(record: Record) -> dict[str, object]:
    return {
        "node_id": record.node_id,
        "organisation": record.organisation,
        "spiffe_id": record.spiffe_id,
        "endpoints": [{"host": record.host, "port": record.port}],
        "version": record.version,
        "region": record.region,
        "resources": record.resources,
    }
