"""The manual source: a file in which an operator lists nodes, read whenever it changes.

It is looked at instead of being told of changes: that works on every file system, and for files that an
editor or an orchestrator replaces. A file that cannot be used is a loss, so the last good one stands.
"""

import asyncio
import os
import stat
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane.discovery import declared
from control_plane.discovery.declared import MAX_FILE, BadFileError
from control_plane.discovery.sound import one_clause
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.problem import InvalidValueError
from control_plane.model.sighting import Candidate, RawEndpoint, Sighting, SourceKind
from control_plane.ports.source import Lost, Report, Seen

EVERY = 0.02  # seconds between two looks at the file's date; a look costs microseconds
SETTLED = 0.02  # seconds since its date: nobody is in the middle of writing it
_WRITING = 50  # times that this is waited for
CONFIRM = 30.0  # seconds after which a file that did not change is read again
_FIELDS = {
    *("node_id", "organisation", "spiffe_id", "endpoints"),
    *("name", "region", "version", "resources", "metadata"),
}

Stamp = tuple[int, int, int] | None  # None: no file


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Which file; how often it is looked at, in seconds."""

    path: Path
    every: float = EVERY
    confirm: float = CONFIRM


class ManualFile:
    """Implements ports.source.Source."""

    kind = SourceKind.MANUAL

    def __init__(self, options: FileOptions) -> None:
        self._options = options
        self.name = f"manual:{options.path.name}"
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Read the file now."""
        self._wake.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Read the file, and again whenever it is another one."""
        while True:
            self._wake.clear()
            stamp, report = await asyncio.to_thread(_look, self._options.path)
            yield report
            await self._until_changed(stamp)

    async def _until_changed(self, stamp: Stamp) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.confirm
        while not self._wake.is_set() and loop.time() < end:
            try:
                async with asyncio.timeout(self._options.every):
                    await self._wake.wait()
            except TimeoutError:
                now = await asyncio.to_thread(_stamp, self._options.path)
                if now != stamp:
                    await self._until_settled(now)
                    return

    async def _until_settled(self, stamp: Stamp) -> None:
        for _ in range(_WRITING):
            age = time.time() - stamp[0] / 1e9 if stamp else 0.0  # below zero where clocks differ
            await asyncio.sleep(min(SETTLED, max(0.0, SETTLED - age)))
            before, stamp = stamp, await asyncio.to_thread(_stamp, self._options.path)
            if stamp == before:
                return


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _look(path: Path) -> tuple[Stamp, Report]:
    """The date is taken first: what is written meanwhile is then seen as a change."""
    stamp = _stamp(path)
    try:
        return stamp, parse(_content(path), path.name)
    except OSError as error:
        return stamp, Lost(one_clause(f"cannot read {path.name}: {error.strerror or type(error).__name__}"))
    except BadFileError as error:
        return stamp, Lost(one_clause(f"{path.name}: {error}"))


def _content(path: Path) -> bytes:
    # Not blocking: a pipe in its place must not hold a thread for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadFileError("expected a plain file, got something else")
        return file.read(MAX_FILE + 1)


def parse(data: bytes, name: str) -> Seen:
    """The nodes that the file lists. BadFileError when anything in it is wrong, with its place. Pure."""
    document = declared.read(data, name)
    others = sorted(set(document) - {"nodes"})
    if others:
        raise BadFileError(f"expected nodes alone, got {others[0]}: use `proxenia apply` for them")
    found: dict[str, Candidate] = {}
    for number, entry in enumerate(document.get("nodes", [])):
        place = declared.place_of("nodes", number, entry)
        try:
            candidate = _candidate(entry)
        except InvalidValueError as error:
            raise BadFileError(f"{place}: {error.detail}") from error
        key = f"{candidate.node_id}@{candidate.organisation}"
        if key in found:
            raise BadFileError(f"{place}: expected each node once, got {key} twice")
        found[key] = candidate
    return Seen(tuple(found[key] for key in sorted(found)))


def _candidate(entry: Mapping[str, Any]) -> Candidate:
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        raise InvalidValueError("unknown_field", f"expected no {ascii(unknown[0])[:80]}: check its spelling")
    endpoints = tuple(_endpoint(one) for one in _list(entry, "endpoints"))
    metadata = entry.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InvalidValueError("bad_metadata", "expected text by name as metadata")
    checked = Sighting(
        source=SourceKind.MANUAL,
        kind=SourceKind.MANUAL,
        node_id=ObjectId(_text(entry, "node_id")),
        organisation=TrustDomain(_text(entry, "organisation")),
        spiffe_id=SpiffeId(_text(entry, "spiffe_id")),
        endpoints=endpoints,
        resources=tuple(ResourceName(_as_text(name, "resources")) for name in _list(entry, "resources")),
        metadata=metadata,
        name=_text(entry, "name"),
        region=_text(entry, "region"),
        version=_text(entry, "version"),
    )
    return Candidate(
        subject=checked.node_id,
        node_id=checked.node_id,
        organisation=checked.organisation,
        spiffe_id=checked.spiffe_id,
        endpoints=tuple(RawEndpoint(one.host, one.port, one.priority, one.weight) for one in endpoints),
        name=checked.name,
        region=checked.region,
        version=checked.version,
        resources=tuple(checked.resources),
        metadata=tuple(sorted(metadata.items())),
    )


def _endpoint(entry: object) -> Endpoint:
    if not isinstance(entry, dict) or set(entry) - {"host", "port", "priority", "weight"}:
        raise InvalidValueError("bad_endpoints", f"expected host:port, got {ascii(entry)[:80]}")
    numbers = {name: entry[name] for name in ("port", "priority", "weight") if name in entry}
    if "port" not in numbers or any(type(number) is not int for number in numbers.values()):
        raise InvalidValueError("bad_port", f"expected host:port, got {ascii(entry)[:80]}")
    return Endpoint(host=_text(entry, "host"), **numbers)


def _list(entry: Mapping[str, Any], name: str) -> list[object]:
    value = entry.get(name, [])
    if not isinstance(value, list):
        raise InvalidValueError("wrong_type", f"expected a list as {name}, got {type(value).__name__}")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    return _as_text(entry.get(name, ""), name)


def _as_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidValueError("wrong_type", f"expected text as {name}, got {ascii(value)[:80]}: quote it")
    return value
