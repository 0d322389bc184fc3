"""``proxenia check``: whether everything works, and why not: before it runs, now, or until it does."""

import time
from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.check_report import codes, report_text
from control_plane.cli.check_trust import trust_text
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import Place, output_option, pass_place, show

_EVERY = 1.0  # seconds between two looks while waiting
_WITHIN = 25.0  # seconds: names are resolved, and the database may take its time

Document = dict[str, Any]


@click.command()
@click.option("--pre", is_flag=True, help="Before the installation: this machine, without a control plane.")
@click.option("--trust", is_flag=True, help="That the gateways refuse forged certificates.")
@click.option(
    "--wait", "seconds", type=click.FloatRange(0, 3600), help="Look again until nothing is wrong, so long."
)
@click.option("--short", is_flag=True, help="Only the verdict and what is wrong.")
@output_option
@pass_place
@click.pass_context
def check(context: click.Context, place: Place, /, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Look at everything: database, gateways, configuration, certificates, time, DNS, sources, partners.

    Of partners both sides are shown. Ends with 1 when there is a problem, with 5 when it outlasts --wait.
    """
    if given["trust"]:
        document = place.api().try_out(path_of("federation", "check", "trust"))
        show(document, output, lambda: trust_text(document))
        context.exit(Exit.FINE if document["ok"] else Exit.PROBLEM)
    waiting = given["seconds"] is not None
    document = _until_fine(place, given["pre"], given["seconds"] or 0.0)
    text = lambda: report_text(document, short=given["short"])  # noqa: E731 - written when asked for
    show(document, output, text, names=lambda: codes(document))
    if document["verdict"] != "problem":
        context.exit(Exit.FINE)
    context.exit(Exit.WAITED if waiting else Exit(document.get("exit_code", Exit.PROBLEM)))


def _until_fine(place: Place, pre: bool, seconds: float) -> Document:  # noqa: FBT001 - a flag of the command
    """The first report without a problem, or the last one within ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        document = _looked(place, pre=pre)
        if document["verdict"] != "problem" or time.monotonic() + _EVERY > end:
            return document
        click.echo(f"proxenia: {document['summary']}", err=True)
        time.sleep(_EVERY)


def _looked(place: Place, *, pre: bool) -> Document:
    if pre:
        from control_plane.app import precheck  # noqa: PLC0415 - heavy

        return precheck.document(place.given)
    try:
        return place.api().get(path_of("federation", "check"), within=_WITHIN)
    except Fault as fault:
        if fault.exit_code != Exit.UNREACHABLE:
            raise
        return _away(place, fault)


def _away(place: Place, fault: Fault) -> Document:
    """What can be said from here when no control plane answers."""
    directory = place.state_dir
    found = [_finding("control plane", "problem", fault.message, "control_plane_away", fault.hint)]
    if place.admin:
        found.append(_finding("state directory", "skipped", f"asked {place.admin} only"))
    elif not directory.is_dir():
        hint = "name it with --state-dir"
        found.append(_finding("state directory", "problem", f"{directory} is none", "no_state", hint))
    else:
        socket = directory / "run" / "admin.sock"
        left = (
            "is there, and nobody listens: it was killed"
            if socket.exists()
            else "is not there: it was stopped"
        )
        found.append(_finding("socket", "problem", f"{socket} {left}", "control_plane_away"))
    return {
        "verdict": "problem",
        "summary": f"control plane: {fault.message}",
        "organisation": place.admin or str(directory),
        "exit_code": int(Exit.UNREACHABLE),
        "groups": [{"name": "control plane", "level": "problem", "findings": found}],
    }


def _finding(subject: str, level: str, detail: str, code: str = "", hint: str = "") -> Document:
    return {
        "subject": subject,
        "level": level,
        "detail": detail,
        "code": code,
        "hint": hint,
        "theirs": None,
    }
