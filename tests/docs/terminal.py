"""A terminal in which the commands of a page are typed: one bash, whose directory and variables stay.

A person needs seconds between two commands, and looks again when something is not there yet; this one types
at once. So a command that only reads is repeated until it shows what the page says, for a while.
"""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.docs.blocks import Block, Command, commands
from tests.docs.here import Here

WITHIN = 120.0  # seconds for one block or command
SOON = 60.0  # seconds in which what a page shows has to be there
_WAIT = 0.1
# Commands that change nothing.
_READS = re.compile(
    r"^(?:curl|cat|test|tail|grep)\b|^docker compose exec \S+ python3 -c\b"
    r"|^(?:proxenia|luebeck|novgorod|visby)\b.*\b(?:list|show|status|explain|check|discover"
    r"|diff|audit (?:verify|reconcile)|statistics|reconciliations|heads|sources|authorize)\b"
)


class PageError(AssertionError):
    """A page does not do what it says; the message names the block, and what was shown."""


@dataclass(slots=True)
class Terminal:
    """Use it in a ``with`` block: what was started in it ends there."""

    directory: Path
    environment: Mapping[str, str]
    here: Here
    _process: "subprocess.Popen[bytes] | None" = None
    _told: int = -1
    _number: int = 0

    def __enter__(self) -> Self:
        told, tell = os.pipe()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PROXENIA_")}
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-m", "-s"],  # with job control, as at a prompt
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**kept, **self.environment, "NO_COLOR": "1", "TELL": str(tell)},
            cwd=self.directory,
            pass_fds=[tell],
            start_new_session=True,
        )
        os.close(tell)
        self._told = told
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        ours = self.directory.is_relative_to(self.here.root.parent)
        _end(self._process, self.directory if ours else None)
        self._process.wait(WITHIN)
        os.close(self._told)

    def follow(self, block: Block, *, at: str = "") -> None:
        """Do what the block says, on the machine of ``at`` unless it says itself on whose."""
        at = block.words.get("at", at)
        if "file" in block.words:
            self._write(block, at)
        elif block.language == "sh":
            self._all(block, at)
        elif block.language == "console":
            for command in commands(block):
                self._one(block, command, at)

    def _write(self, block: Block, at: str) -> None:
        path = self.directory / self.here.text(block.words["file"], at)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if "append" in block.words else "w", encoding="utf-8") as file:
            file.write(self.here.text(block.text, at))

    def _all(self, block: Block, at: str) -> None:
        code, shown = self._type(f"set -e\n{self.here.text(block.text, at)}\nset +e\n", at)
        if code:
            message = f"{block.where}: expected every command to end well, got {code}\n{block.text}\n{shown}"
            raise PageError(message)

    def _one(self, block: Block, command: Command, at: str) -> None:
        deadline = time.monotonic() + SOON
        while True:
            code, raw = self._type(self.here.text(command.text, at) + "\n", at)
            shown = self.here.back(raw, at)
            if code == command.code and (not command.shown or command.pattern.fullmatch(shown)):
                return
            if time.monotonic() > deadline or not _READS.search(command.text):
                wanted = "\n".join(command.shown)
                message = (
                    f"{block.where}: $ {command.text}\nexpected exit code {command.code}, and\n{wanted}\n\n"
                    f"got exit code {code}, and\n{shown}"
                )
                raise PageError(message)
            time.sleep(_WAIT)

    def _type(self, text: str, at: str) -> tuple[int, str]:
        """Run it in the shell; its exit code, and what was shown."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        typed = self.here.root.parent / "typed"
        typed.mkdir(exist_ok=True)
        script, shown = (typed / f"{id(self)}.{self._number}.{kind}" for kind in ("sh", "out"))
        script.write_text(text, encoding="utf-8")
        place = self.here.states.get(at)
        state = f"export MACHINE_ROOT='{self.here.machine(at)}'\n"
        state += f"export PROXENIA_STATE_DIR='{place}'\n" if place else ""
        line = f"{state}source '{script}' > '{shown}' 2>&1 < /dev/null\necho $? >&$TELL\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
            code = self._code()
        except BrokenPipeError:
            code = self._process.wait()
        text = shown.read_text(encoding="utf-8", errors="replace") if shown.exists() else ""
        return code, text if text.endswith("\n") or not text else text + "\n"

    def _code(self) -> int:
        """What the shell tells; of one that ended (``set -e``), its own exit code."""
        assert self._process is not None
        deadline, told = time.monotonic() + WITHIN, b""
        while not told.endswith(b"\n"):
            if not select.select([self._told], [], [], _WAIT)[0]:
                if self._process.poll() is not None:
                    return self._process.returncode
                if time.monotonic() > deadline:
                    return -1
                continue
            part = os.read(self._told, 64)
            if not part:
                return self._process.wait(WITHIN)
            told += part
        return int(told)


def _end(process: "subprocess.Popen[bytes]", directory: Path | None) -> None:
    """End the shell and what it started: politely, as whoever closes a terminal does, then not."""
    for each, within in ((signal.SIGTERM, 40.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + within
        for pid in _started(process.pid, directory):
            with suppress(ProcessLookupError):
                os.kill(pid, each)
        while _started(process.pid, directory):
            process.poll()
            if time.monotonic() > deadline:
                break
            time.sleep(_WAIT)


def _started(session: int, directory: Path | None) -> list[int]:
    """What runs in the terminal's session, or works below ``directory``."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with suppress(OSError):
                state, _, _, sid = (place / "stat").read_text().rpartition(")")[2].split()[:4]
                below = directory is not None and (place / "cwd").resolve().is_relative_to(directory)
                if state != "Z" and (int(sid) == session or below):
                    found.append(int(place.name))
    return found
