"""``proxenia demo``: tell the story, then stay up; with ``--check`` tear down and judge."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import aiohttp

from control_plane.app.demo.organisation import DemoError
from control_plane.app.demo.scene import Scene, scene
from control_plane.app.demo.show import Report, Result, Show, TerminalShow, farewell
from control_plane.app.demo.steps import STORY, Step


@contextmanager
def stage(directory: Path | None) -> Iterator[Path]:
    """``directory`` as given (and then kept), else one of our own that is removed in the end."""
    if directory:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.absolute()
        return
    # Short: unix sockets live in it, and their paths have at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="proxenia-demo-") as own:
        Path(own).chmod(0o711)  # the embedded PostgreSQL runs as another user when we are root
        yield Path(own)


async def tell(stage_scene: Scene, show: Show) -> tuple[Result, ...]:
    """Run the steps; the first one that fails is the last."""
    results: list[Result] = []
    for step in STORY:
        result = await _play(step, stage_scene, show)
        results.append(result)
        if not result.ok:
            break
    return tuple(results)


async def _play(step: Step, stage_scene: Scene, show: Show) -> Result:
    show.begin((step.run.__doc__ or step.name).splitlines()[0])
    started = monotonic()
    try:
        detail, ok = await step.run(stage_scene), True
    except (DemoError, aiohttp.ClientError, OSError, TimeoutError) as error:
        detail, ok = f"{type(error).__name__}: {error}", False
    result = Result(step.name, ok, round(monotonic() - started, 3), detail)
    show.end(result)
    return result


async def run(*, check: bool, as_json: bool, directory: Path | None) -> int:
    """Exit code 0 when every step held."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        # During the story a signal ends it at once (and still tears down); afterwards it is the way out.
        loop.add_signal_handler(name, lambda: stop.set() if told.is_set() else main and main.cancel())
    started = monotonic()
    try:
        with stage(directory) as where:
            async with scene(where) as stage_scene:
                results = await tell(stage_scene, TerminalShow())
                told.set()
                ok = all(result.ok for result in results) and len(results) == len(STORY)
                if not ok:
                    _point_at_logs(where)
                elif not check:
                    print(farewell(stage_scene, where), file=sys.stderr)  # noqa: T201 - for people
                    await stop.wait()
    except asyncio.CancelledError:
        print("stopped; everything is removed", file=sys.stderr)  # noqa: T201 - for people
        return 130
    report = Report(ok, round(monotonic() - started, 3), results)
    if as_json:
        print(report.document())  # noqa: T201 - the command's result
    return 0 if ok else 1


def _point_at_logs(directory: Path) -> None:
    """Show the end of every log: the directory is about to go."""
    for log in sorted(directory.glob("*/*.log")):
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        print(f"--- {log}", *tail, sep="\n", file=sys.stderr)  # noqa: T201 - for people
