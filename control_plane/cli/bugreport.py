"""``proxenia bugreport``: what somebody needs who is to help, in one file without any secret."""

import io
import json
import os
import platform
import re
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from control_plane import __version__
from control_plane.cli.api import Api, path_of
from control_plane.cli.faults import Fault
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.redact import redacted

_TAIL = 256 << 10  # bytes of each log's end
_MOST_LOGS = 20
_ASKED: dict[str, tuple[str, ...]] = {
    "check.json": ("federation", "check"),
    "status.json": ("status",),
    "gateways.json": ("federation", "gateways"),
    "expiry.json": ("federation", "expiry"),
    "sources.json": ("federation", "sources"),
    "partners.json": ("federation", "partners"),
    "bundles.json": ("federation", "bundles"),
    "circuits.json": ("federation", "circuits"),
    "history.json": ("federation", "history"),
}
_SECRET_FILES = ("ca/**/*", "certificates/**/*", "gateway/**/*.key", "gateway/**/*.pem", "**/*token*")
_SECRET = re.compile(r"[A-Za-z0-9+/=_.-]{24,}")  # what of such a file is one
_REQUESTS = {"access.log", "listener.log", "outlier.log", "health.log"}  # are the audit's, not a report's

Document = dict[str, Any]


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--without-logs", is_flag=True, help="Leave the ends of the logs out.")
@output_option
@pass_place
def bugreport(place: Place, /, file: Path | None, *, without_logs: bool, output: str) -> None:
    """Write FILE (a .tar.gz; by default named by the time): versions, settings, check, status, ends of logs.

    Keys, tokens and passwords are left out. Names of organisations and addresses are in it.
    """
    target = file or Path(f"proxenia-bugreport-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.tar.gz")
    secrets = list(_secrets(place))
    settings, more = _settings(place)
    secrets += more
    parts = {"versions.json": _json(_versions()), "settings.json": _json(settings)}
    parts |= dict(_answers(place.api()))
    if not without_logs:
        parts |= dict(_logs(place.state_dir))
    try:
        _write(target, {name: redacted(text, secrets) for name, text in parts.items()})
    except OSError as error:
        raise Fault(f"cannot write {target}: {error.strerror}", "name another FILE") from error
    document = {"name": str(target), "parts": sorted(parts)}
    show(document, output, lambda: f"{target} has {len(parts)} parts: read it before you pass it on")


def _json(document: object) -> str:
    return json.dumps(document, indent=2, default=str)


def _versions() -> Document:
    from importlib.metadata import distributions  # noqa: PLC0415 - only here

    return {
        "proxenia": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": {one.metadata["Name"]: one.version for one in distributions()},
    }


def _settings(place: Place) -> tuple[Document, list[str]]:
    """As a start would read them, of the environment only which names are set; and the secrets in them."""
    from control_plane.app.settings import SettingsError, load  # noqa: PLC0415 - heavy

    given = sorted(name for name in os.environ if name.startswith("PROXENIA_"))
    try:
        settings = load(None, {"state_dir": place.given}).model_dump(mode="json")
    except SettingsError as error:
        return {"environment": given, "faults": error.lines}, []
    secrets = [text for one in settings["source_options"].values() for text in one.values()]
    if settings["consul_token_file"]:
        with suppress(OSError):  # then it is in no log either
            secrets.append(Path(settings["consul_token_file"]).read_text(encoding="utf-8").strip())
    urls = (
        settings[name].partition("://")[2].partition("@")[0]
        for name in ("database_url", "database_owner_url")
    )
    secrets += [user.partition(":")[2] for user in urls]
    settings["source_options"] = {name: sorted(one) for name, one in settings["source_options"].items()}
    return {"environment": given, "settings": settings}, secrets


def _answers(api: Api) -> Iterator[tuple[str, str]]:
    """What the control plane says; what it does not say is named instead."""
    for name, parts in _ASKED.items():
        try:
            yield name, _json(api.get(path_of(*parts), within=25.0))
        except Fault as fault:
            click.echo(f"proxenia: {name} is left out: {fault.message}", err=True)
            yield name, _json({"fault": fault.message})


def _logs(directory: Path) -> Iterator[tuple[str, str]]:
    logs = (path for path in directory.glob("**/*.log") if path.name not in _REQUESTS)
    found = sorted(path for path in logs if path.is_file())
    for path in found[:_MOST_LOGS]:
        name = f"logs/{path.relative_to(directory)}"
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _TAIL))
                # From the first whole line on: half of one might be half of a secret.
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError as error:
            yield name, f"cannot be read: {error.strerror}"
            continue
        whole = path.stat().st_size <= _TAIL
        yield name, "\n".join(lines if whole else lines[1:])


def _secrets(place: Place) -> Iterator[str]:
    """What of the secrets of this machine can be read here, word for word."""
    yield place.token
    for pattern in _SECRET_FILES:
        for path in place.state_dir.glob(pattern):
            try:
                text = path.read_text(encoding="utf-8") if path.is_file() else ""
            except (OSError, UnicodeDecodeError):
                continue
            if "PRIVATE KEY" in text or "CERTIFICATE" not in text:
                yield from _SECRET.findall(text)


def _write(target: Path, parts: dict[str, str]) -> None:
    """For its owner alone, like everything that was read for it."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in sorted(parts.items()):
            content = text.encode()
            member = tarfile.TarInfo(f"proxenia-bugreport/{name}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(content))
