"""Backup and restore: rows a second, and that memory does not grow with the audit.

Run with ``make bench NAME=backup`` (``QUICK=1``: less than 45 s). One organisation with an embedded
database is backed up twice by the command that operators run: while its audit is nearly empty, and with
many rows; then it is restored.

The most memory of a small backup is what scrypt takes (128 MB) to make the key; the audit of the full run
is many times that.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import Report, quick
from control_plane.app.audit_log import open_database
from control_plane.app.own_trust import open_authority, utc_now
from control_plane.app.settings import Settings, load
from control_plane.store.embedded import EmbeddedPostgres
from tests.fakes.values import audit_event

ROWS = 100_000 if quick() else 2_000_000
AT_ONCE = 5_000


async def fill(settings: Settings, rows: int) -> None:
    """Store that many rows of today."""
    authority = open_authority(settings, now=utc_now())
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    async with open_database(settings, authority) as database:
        await database.migrate()
        for first in range(0, rows, AT_ONCE):
            numbers = range(first, min(rows, first + AT_ONCE))
            moments = [(number, noon + timedelta(milliseconds=number % 3_600_000)) for number in numbers]
            await database.audit.append([replace(audit_event(n), timestamp=at) for n, at in moments])


async def proxenia(state_dir: Path, *words: str) -> tuple[dict[str, Any], float, float]:
    """A command: its document, the seconds that it took, and the most memory that it had (MB)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROXENIA_")}
    start = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", *words, "-o", "json"),
        env={**kept, "PROXENIA_STATE_DIR": str(state_dir), "PROXENIA_TRUST_DOMAIN": "luebeck.example"},
        stdout=asyncio.subprocess.PIPE,
    )
    watching = asyncio.create_task(most_memory(process.pid))
    out, _ = await process.communicate()
    took = time.monotonic() - start
    if process.returncode != 0:
        raise RuntimeError(f"expected `proxenia {words[0]}` to work, got {process.returncode}")
    return json.loads(out), took, await watching


async def most_memory(pid: int) -> float:
    """The most resident memory of the process until it ends, in MB."""
    most = 0
    while True:
        try:
            status = await asyncio.to_thread(Path(f"/proc/{pid}/status").read_text, "ascii")
        except OSError:
            return most / 1024
        lines = [line.split() for line in status.splitlines() if line.startswith("VmHWM")]
        if not lines:  # it has ended
            return most / 1024
        most = max(most, int(lines[0][1]))
        await asyncio.sleep(0.02)


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("backup")
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - one call on a local directory
        state, secret = directory / "first", directory / "passphrase"
        state.mkdir(mode=0o711)
        secret.write_text("correct horse battery staple")
        secret.chmod(0o600)
        given = ("--passphrase-file", str(secret))
        server = EmbeddedPostgres(state)
        await server.start()
        try:
            settings = load(None, {"state_dir": state, "trust_domain": "luebeck.example"})
            await fill(settings, 1_000)
            _, _, little = await proxenia(state, "backup", str(directory / "little"), *given)
            report.progress(f"storing {ROWS:,} rows")
            await fill(settings, ROWS)
            made, took, most = await proxenia(state, "backup", str(directory / "much"), *given)
        finally:
            await server.stop()
        report.line(rows=made["rows"], megabytes=round(made["bytes"] / 1e6, 1), seconds=round(took, 2))
        report.figure("backup", made["rows"] / took, unit="rows/s")
        report.figure("backup: memory more than with a small audit", most - little, unit="MB", at_most=32)
        restored, took, most = await proxenia(
            directory / "second", "restore", str(directory / "much"), *given
        )
        report.figure("restore", restored["rows"] / took, unit="rows/s")
        report.figure("restore: memory", most, unit="MB", at_most=300)
        report.figure(
            "rows restored of those backed up", restored["rows"] / made["rows"], unit="ratio", at_least=1
        )
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
