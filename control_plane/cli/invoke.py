"""``proxenia invoke``: a request through our own egress, as an application would send it."""

import sys
from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean

_MORE = 5.0  # seconds beside the request's own
_ERRORS = 400  # RFC 9110: where they begin


@click.command()
@click.argument("resource")
@click.option("--method", default="GET", show_default=True, help="The HTTP method.")
@click.option("--path", default="/", show_default=True, help="The path.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="Repeatable.")
@click.option("--data", default="", help="The body; - for standard input.")
@click.option("--timeout", type=click.FloatRange(0.1, 60), default=10, show_default=True, help="Seconds.")
@click.option("--gateway", default="", help="Ours, by default the first that is connected.")
@output_option
@pass_place
@click.pass_context
def invoke(context: click.Context, place: Place, /, resource: str, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Send a request to RESOURCE (name@organisation) through our gateway; ends with 1 from status 400 on."""
    pairs = [each.partition(":") for each in given["headers"]]
    if not all(colon for _, colon, _ in pairs):
        raise click.BadParameter("expected NAME:VALUE", param_hint="--header")
    body = {
        "resource": resource,
        "method": given["method"],
        "path": given["path"],
        "headers": {name.strip(): value.strip() for name, _, value in pairs},
        "body": sys.stdin.read() if given["data"] == "-" else given["data"],
        "timeout_seconds": given["timeout"],
        "gateway": given["gateway"],
    }
    within = given["timeout"] + _MORE
    answer = place.api().send("POST", path_of("federation", "invoke"), body, within=within)
    show(answer, output, lambda: _text(answer), names=lambda: [str(answer["status"])])
    context.exit(Exit.FINE if answer["status"] < _ERRORS else Exit.PROBLEM)


def _text(answer: dict[str, Any]) -> str:
    first = f"{answer['status']} by {answer['gateway']} in {answer['duration_ms']:.0f} ms"
    lines = [f"{first}; request {answer['correlation_id']}: proxenia explain says more", ""]
    lines += [clean(line) for line in answer["body"].splitlines()]
    return "\n".join(lines)
