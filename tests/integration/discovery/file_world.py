"""A file of nodes as a place for the contract suite: YAML or TOML, replaced as an editor does it."""

import asyncio
import json
import os
from pathlib import Path

from control_plane.discovery.manual import FileOptions, ManualFile
from control_plane.ports.source import Source
from tests.contract.source_world import Record

RUBBISH = {
    "nothing": b"",
    "half of it": b"nodes:\n  - node_id: gw-1\n    organisation: [",
    "other bytes": b"nodes: \xff\xfe",
    "another shape": b"- nodes\n",
    "no nodes": b"nodes: {gw-1: here}\n",
    "a node that is none": b'nodes: [{"node_id": "gw-1"}]\n',
    "an alias": b"nodes: &a [*a]\n",
    "depth": b"nodes: " + b"[" * 100_000,
    "too much": b"#" * (2 << 20),
    "a key twice": b"nodes: []\nnodes: []\n",
}


class FileWorld:
    """Implements World. TOML and YAML both take JSON's strings, so ``write`` makes either."""

    rubbish = tuple(RUBBISH)

    def __init__(self, directory: Path, form: str = "yaml") -> None:
        self._form = form
        self.path = directory / f"nodes.{form}"
        self._records: dict[str, Record] = {}

    async def start(self) -> None:
        await self.mend()

    async def stop(self) -> None:
        """Nothing runs."""

    async def put(self, record: Record) -> None:
        self._records[record.node_id] = record
        await self._change()

    async def remove(self, node_id: str) -> None:
        del self._records[node_id]
        await self._change()

    async def _change(self) -> None:
        if await asyncio.to_thread(self.path.is_file):
            await self.mend()

    async def break_off(self) -> None:
        await asyncio.to_thread(self.path.unlink)

    async def fall_silent(self) -> None:
        """A pipe that nobody writes to, where the file was."""
        await asyncio.to_thread(self.path.unlink)
        await asyncio.to_thread(os.mkfifo, self.path)

    async def spoil(self, rubbish: str) -> None:
        await asyncio.to_thread(self._write, RUBBISH[rubbish])

    async def mend(self) -> None:
        await asyncio.to_thread(self._write, text(list(self._records.values()), self._form).encode())

    def _write(self, content: bytes) -> None:
        new = self.path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(self.path)

    def source(self) -> Source:
        return ManualFile(FileOptions(path=self.path))


def text(records: list[Record], form: str) -> str:
    """The file that lists these nodes."""
    equals, start = (" =", "\n[[nodes]]\n") if form == "toml" else (":", "  - ")
    head = "nodes = []\n" if form == "toml" and not records else ""
    head = head if form == "toml" else f"nodes:{'' if records else ' []'}\n"
    parts = []
    for record in records:
        fields = {
            "node_id": record.node_id,
            "organisation": record.organisation,
            "endpoints": [f"{record.host}:{record.port}"],
            "version": record.version,
            "region": record.region,
            "resources": record.resources,
        }
        lines = [f"{name}{equals} {json.dumps(value)}" for name, value in fields.items()]
        parts.append(start + ("\n" if form == "toml" else "\n    ").join(lines))
    return head + "\n".join(parts) + "\n"
