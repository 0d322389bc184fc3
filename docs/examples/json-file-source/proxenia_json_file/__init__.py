"""An example of a discovery source: nodes from a JSON file, read again every minute, or when asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint, SourceKind
from control_plane.ports.source import Lost, Report, Seen, Source

EVERY = 60.0  # seconds
MAX_BYTES = 4 << 20


def source(options: Mapping[str, str]) -> Source:
    """Make the source; Proxenia calls this with ``[source_options.json-file]`` of its settings."""
    return JsonFile(Path(options["path"]))


class JsonFile:
    """Implements control_plane.ports.source.Source."""

    kind = SourceKind.PLUGIN
    name = "json-file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Read the file again now."""
        self._wake.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Read, say, wait; for ever."""
        while True:
            self._wake.clear()
            yield await asyncio.to_thread(read, self._path)
            try:
                async with asyncio.timeout(EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue


def read(path: Path) -> Report:
    """Everything in the file. A file that cannot be read is a loss: what was said before still stands."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            return Lost(f"expected at most {MAX_BYTES} bytes in {path.name}, got more")
        entries = json.loads(content)["nodes"]
    except OSError as error:
        return Lost(f"cannot read {path.name}: {error.strerror}")
    except (ValueError, RecursionError, KeyError, TypeError):
        return Lost(f'expected {{"nodes": […]}} in {path.name}')
    if not isinstance(entries, list):
        return Lost(f'expected {{"nodes": […]}} in {path.name}')
    found: dict[str, Candidate] = {}
    refused: list[Problem] = []
    for number, entry in enumerate(entries):
        try:
            candidate = _candidate(entry)
        except (KeyError, TypeError, ValueError, AttributeError):
            detail = "expected node_id, organisation, spiffe_id and endpoints with host and port"
            refused.append(Problem(f"entry {number}", "unreadable_record", detail))
            continue
        found[f"{candidate.node_id}@{candidate.organisation}"] = candidate
    return Seen(tuple(found[key] for key in sorted(found)), tuple(refused))


def _candidate(entry: Mapping[str, Any]) -> Candidate:
    return Candidate(
        subject=str(entry["node_id"]),
        node_id=str(entry["node_id"]),
        organisation=str(entry["organisation"]),
        spiffe_id=str(entry["spiffe_id"]),
        endpoints=tuple(RawEndpoint(str(one["host"]), int(one["port"])) for one in entry["endpoints"]),
        version=str(entry.get("version", "")),
        region=str(entry.get("region", "")),
        resources=tuple(str(name) for name in entry.get("resources", ())),
    )
