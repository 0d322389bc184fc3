"""``envoy --mode validate``: an Envoy that looks at a configuration, says what it thinks, and ends."""

import asyncio
import re
import tempfile
from pathlib import Path

from control_plane.gateway.config import AgentError
from control_plane.gateway.envoy_binary import find_envoy
from control_plane.ports.errors import UnavailableError
from control_plane.ports.validation import NoVerdictError

_DEADLINE = 30.0  # seconds; 2,000 clusters take 1.4
MAX_DETAIL = 500  # characters of Envoy's words that are kept
_READ = 65_536  # bytes of them that are looked at

_PEM = re.compile(r"-----BEGIN [^-]{1,64}-----.*?(?:-----END [^-]{1,64}-----|\Z)", re.DOTALL)
_PREFIX = re.compile(
    r"^\[[^\]]{1,40}\]\[\d{1,10}\]\[(?:critical|error|warning)\]\[[a-z_]{1,40}\] \[[^\]]{1,200}\] "
)
_SAID = ("error initializing", "Proto constraint", "Unable to parse", "Failed to")


class EnvoyValidation:
    """Implements ports.validation.Validation with the Envoy of this machine."""

    def __init__(self, envoy: Path) -> None:
        self._envoy = envoy

    @classmethod
    def of(cls, configured: Path | None) -> "EnvoyValidation | None":
        """With the Envoy that an agent would run here; None when there is none.

        Raises AgentError when one is configured that does not exist.
        """
        try:
            return cls(find_envoy(configured))
        except AgentError:
            if configured is not None:
                raise
            return None

    async def fault(self, bootstrap: bytes) -> str | None:
        """Why Envoy would refuse it; its own words, without certificates that they may quote."""
        with tempfile.TemporaryDirectory(prefix="proxenia-trial-") as name:
            directory = Path(name)
            for folder in ("log", "sds", "run"):
                (directory / folder).mkdir()
            # The agent's file of a gateway: that its certificate is there is not what is tried.
            (directory / "sds" / "own.json").write_text('{"resources": []}')
            (directory / "trial.pb").write_bytes(bootstrap)
            return await self._run(directory)

    async def _run(self, directory: Path) -> str | None:
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._envoy, "--mode", "validate", "--disable-hot-restart", "--log-level", "warning"),
                *("--config-path", "trial.pb"),
                cwd=directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise UnavailableError(f"cannot run {self._envoy}: {error}") from error
        try:
            async with asyncio.timeout(_DEADLINE):
                _, said = await process.communicate()
        except TimeoutError as error:
            raise UnavailableError(f"Envoy gave no verdict within {_DEADLINE:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode is not None and process.returncode < 0:
            raise NoVerdictError(f"Envoy ended by signal {-process.returncode} before its verdict")
        return words(said.decode(errors="replace")) if process.returncode else None


def words(said: str) -> str:
    """What Envoy found, from all that it wrote."""
    lines = [_PREFIX.sub("", line) for line in _PEM.sub("(pem)", said[:_READ]).splitlines() if line.strip()]
    found = [line for line in lines if any(mark in line for mark in _SAID)] or lines[-1:]
    text = " ".join(" ".join(found).split())
    printable = "".join(one if one.isprintable() else " " for one in text)
    return printable[:MAX_DETAIL] or "Envoy refused it without a word"
