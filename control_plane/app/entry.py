"""What the command line starts: each function runs one process until it ends and returns its exit code."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from pathlib import Path

from control_plane.app.settings import Settings, SettingsError, load
from control_plane.model.identity import ObjectId
from control_plane.model.problem import InvalidValueError
from control_plane.observe import log

# Children are other programs. Before each fork gRPC would otherwise wait for threads of its own, at worst for
# ever; it reads this when it is imported, which must be later.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

USAGE = 2  # exit code of a command that cannot run with what it was given


def _run(
    main: Callable[[Settings], Coroutine[None, None, int]],
    config: Path | None,
    overrides: Mapping[str, object],
) -> int:
    log.configure()
    try:
        return _loop(main(load(config, overrides)))
    except SettingsError as error:
        for line in error.lines:
            print(f"proxenia: {line}", file=sys.stderr)  # noqa: T201 - the command's answer
        return USAGE
    except InvalidValueError as error:
        print(f"proxenia: {error.detail}", file=sys.stderr)  # noqa: T201 - the command's answer
        return USAGE


def _loop(main: Coroutine[None, None, int]) -> int:
    try:
        import uvloop  # noqa: PLC0415 - an accelerator that may be missing
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def up(*, config: Path | None, overrides: Mapping[str, object]) -> int:
    """PostgreSQL, control plane and one gateway."""
    from control_plane.app.up import run  # noqa: PLC0415 - each process loads only its own parts

    return _run(run, config, overrides)


def serve(*, config: Path | None, overrides: Mapping[str, object]) -> int:
    """The control plane."""
    from control_plane.app.serve import run  # noqa: PLC0415 - each process loads only its own parts

    return _run(run, config, overrides)


def gateway_run(*, config: Path | None, overrides: Mapping[str, object]) -> int:
    """The agent beside one Envoy."""
    from control_plane.app.gateway import run  # noqa: PLC0415 - each process loads only its own parts

    return _run(run, config, overrides)


def gateway_issue(*, gateway: str, out: Path, config: Path | None, overrides: Mapping[str, object]) -> int:
    """The first certificate of a gateway on another machine."""
    from control_plane.app.issue import issue  # noqa: PLC0415 - each process loads only its own parts

    async def main(settings: Settings) -> int:
        print(issue(settings, ObjectId(gateway), out))  # noqa: T201 - the command's answer
        return 0

    return _run(main, config, overrides)


def demo(*, check: bool, output: str, directory: Path | None) -> int:
    """Three organisations on this machine."""
    from control_plane.app.demo.run import run  # noqa: PLC0415 - each process loads only its own parts

    log.configure()
    return asyncio.run(run(check=check, as_json=output == "json", directory=directory))


def backup(
    file: Path,
    *,
    passphrase: str,
    config: Path | None,
    overrides: Mapping[str, object],
    progress: Callable[[str], None],
) -> dict[str, object]:
    """One encrypted file with everything; what was made."""
    from control_plane.app.backup import back_up  # noqa: PLC0415 - each process loads only its own parts

    log.configure()
    settings = load(config, overrides)
    return asdict(asyncio.run(back_up(settings, file, passphrase, progress=progress)))


def restore(
    file: Path,
    *,
    passphrase: str,
    config: Path | None,
    overrides: Mapping[str, object],
    progress: Callable[[str], None],
) -> dict[str, object]:
    """The same on an empty machine; what came back. The trust domain is the backup's unless one is named."""
    from control_plane.app.restore import check, restore  # noqa: PLC0415 - each process loads only its own parts

    log.configure()
    about = check(file, passphrase, progress=progress)
    try:
        settings = load(config, overrides)
    except SettingsError:  # an empty machine has no file that names it
        settings = load(config, {"trust_domain": about.organisation, **overrides})
    return asdict(asyncio.run(restore(settings, file, passphrase, about, progress=progress)))
