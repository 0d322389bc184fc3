"""``proxenia backup`` and ``proxenia restore``: an organisation in one encrypted file, and back.

Both work on the state directory and the database, as ``proxenia serve`` does, and not over the admin API:
who takes the keys must be the user who may read them.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import Place, output_option, pass_place, show

_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file of mode 0600 with the passphrase.  [default: ask for it]",
)
_CONFIG = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings."
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_PASSPHRASE
@_CONFIG
@output_option
@pass_place
def backup(place: Place, file: Path, passphrase_file: Path | None, config: Path | None, output: str) -> None:
    """Write everything that this organisation is into FILE, encrypted; it goes on running meanwhile.

    Without the passphrase the file is of no use to anybody: keep it elsewhere.
    """
    passphrase = _passphrase(passphrase_file, twice=True)

    def work() -> dict[str, Any]:
        from control_plane.app.entry import backup as run  # noqa: PLC0415 - heavy

        return run(
            file,
            passphrase=passphrase,
            config=config,
            overrides={"state_dir": place.given},
            progress=_progress,
        )

    document = _done(work)
    show(document, output, lambda: _made(document))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_PASSPHRASE
@_CONFIG
@click.option("--database-url", help="The empty database.  [default: the embedded server]")
@click.option("--database-owner-url", help="The same as its owner.  [default: --database-url]")
@output_option
@pass_place
def restore(
    place: Place,
    /,
    file: Path,
    passphrase_file: Path | None,
    config: Path | None,
    output: str,
    **given: str | None,
) -> None:
    """Make this empty machine the organisation of FILE, as it was when the backup was taken.

    The first that ran must not run any more: two with the same keys would contradict each other.
    """
    passphrase = _passphrase(passphrase_file, twice=False)

    def work() -> dict[str, Any]:
        from control_plane.app.entry import restore as run  # noqa: PLC0415 - heavy

        overrides = {**given, "state_dir": place.given}
        return run(file, passphrase=passphrase, config=config, overrides=overrides, progress=_progress)

    document = _done(work)
    show(document, output, lambda: _restored(document))


def _passphrase(file: Path | None, *, twice: bool) -> str:
    """Never an argument: every user of the machine sees those."""
    if file is not None:
        from control_plane.discovery.private_file import read_secret  # noqa: PLC0415 - used here only
        from control_plane.model.problem import InvalidValueError  # noqa: PLC0415 - used here only

        try:
            return read_secret(file)
        except InvalidValueError as error:
            raise Fault(error.detail, exit_code=Exit.USAGE) from error
    if not sys.stdin.isatty():
        raise Fault(
            "expected a passphrase, and there is no terminal to ask for it",
            "write it to a file of mode 0600 and give --passphrase-file",
            exit_code=Exit.USAGE,
        )
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return answer


def _done(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``work`` answers; its errors with the exit codes of all commands."""
    from control_plane.app.settings import SettingsError  # noqa: PLC0415 - heavy
    from control_plane.model.problem import InvalidValueError  # noqa: PLC0415 - heavy
    from control_plane.ports.errors import UnavailableError  # noqa: PLC0415 - heavy
    from control_plane.store.errors import UnusableDatabaseError  # noqa: PLC0415 - heavy

    try:
        return work()
    except SettingsError as error:
        raise Fault(str(error), exit_code=Exit.USAGE) from error
    except InvalidValueError as error:
        raise Fault(f"{error.detail} ({error.code})") from error
    except UnavailableError as error:
        raise Fault(str(error), "nothing was changed; try again", exit_code=Exit.UNREACHABLE) from error
    except UnusableDatabaseError as error:
        raise Fault(str(error)) from error
    finally:
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", nl=False, err=True)


def _progress(step: str) -> None:
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
        click.echo(f"\r\x1b[K{step[:width]}", nl=False, err=True)


def _made(document: dict[str, Any]) -> str:
    what = f"{document['rows']:,} rows and {document['files']} files, {document['bytes']:,} bytes"
    return f"{document['organisation']} is in {document['file']} as of {document['taken_at']}: {what}"


def _restored(document: dict[str, Any]) -> str:
    what = f"{document['rows']:,} rows and {document['files']} files"
    return (
        f"{document['organisation']} is back as of {document['taken_at']}: {what}\n"
        "What was decided since is not in it: see `proxenia agreement list` for partners revoked meanwhile.\n"
        "Partners that saw more of our audit refuse its next head until they accept it: tell their operators."
    )
