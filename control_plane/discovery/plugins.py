"""Sources of third parties: entry points ``proxenia.sources``, and of those only the ones that are allowed.

An entry point names a function that takes the options of the settings (text by name) and gives a source. One
that is missing, or fails, is a source that is lost and says why.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

import structlog

from control_plane.discovery.fence import Fence
from control_plane.discovery.sound import one_clause
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Lost, Report, Source

GROUP = "proxenia.sources"
_EVERY = 60.0  # seconds between two reports of what does not work

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """Which entry points may be loaded, and the options of each."""

    allowed: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Broken:
    """Implements ports.source.Source: a plugin that could not be loaded."""

    kind = SourceKind.PLUGIN

    def __init__(self, name: str, reason: str) -> None:
        self.name = f"{SourceKind.PLUGIN}:{name}"
        self._reason = reason
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Say it again."""
        self._wake.set()

    async def reports(self) -> AsyncIterator[Report]:
        """Say why nothing can be seen."""
        while True:
            self._wake.clear()
            yield Lost(self._reason)
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._wake.wait()


def load(plugins: Plugins) -> list[Source]:
    """A source for each that is allowed; nothing of any other package is imported."""
    installed = list(entry_points(group=GROUP)) if plugins.allowed else []
    return [_load(name, installed, plugins.options.get(name, {})) for name in dict.fromkeys(plugins.allowed)]


def _load(name: str, installed: Iterable[EntryPoint], options: Mapping[str, str]) -> Source:
    found = [entry for entry in installed if entry.name == name]
    if len(found) != 1:
        what = "no installed package provides it" if not found else f"{len(found)} packages provide it"
        return Broken(name, f"expected one entry point {GROUP} of that name, got: {what}")
    try:
        source = found[0].load()(dict(options))
        if not all(callable(getattr(source, name, None)) for name in ("reports", "look")):
            return Broken(name, f"expected a source, got {type(source).__name__}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of others; what it raised is told below
        reason = one_clause(f"it cannot be loaded: {type(error).__name__}: {error}")
        _log.warning("plugin_not_loaded", plugin=name, reason=reason)
        return Broken(name, reason)
    return Fence(name, source)
