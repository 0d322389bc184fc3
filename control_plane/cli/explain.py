"""``proxenia explain`` and ``proxenia authorize``: why something fails, and what a request would get."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.live import living
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean, coloured, table

_COLOURS = {"fine": "green", "stopped": "red", "unknown": "yellow"}
_REQUEST_ID = 36  # characters


def asking_options(function: Any) -> Any:  # noqa: ANN401 - as click decorates
    """How somebody calls."""
    for option in (
        click.option("--serial", default="", help="Of the caller's certificate, as audit rows show it."),
        click.option("--tool", default="", help="Of an MCP resource: the tool that is called."),
        click.option("--path", default="/", show_default=True, help="The path."),
        click.option("--method", default="", help="The HTTP method, or the method of an MCP message."),
    ):
        function = option(function)
    return function


def _asking(principal: str, resource: str, given: dict[str, Any]) -> dict[str, Any]:
    context = {"certificate_serial": given["serial"]} if given["serial"] else {}
    if given["tool"] or "/" in given["method"]:
        action, capability = given["method"] or "tools/call", given["tool"]
        context["path"] = given["path"]
    else:
        action, capability = given["method"] or "GET", given["path"]
    return {
        "principal": principal,
        "resource": resource,
        "action": action,
        "capability": capability,
        "context": context,
    }


@click.command()
@click.argument("principal")
@click.argument("resource")
@asking_options
@output_option
@pass_place
@click.pass_context
def authorize(
    context: click.Context,
    place: Place,
    /,
    principal: str,
    resource: str,
    output: str,
    **given: Any,  # noqa: ANN401 - click's options by name
) -> None:
    """What the gateways would say when PRINCIPAL (a SPIFFE id) calls RESOURCE (name@organisation).

    Nothing is sent. Ends with 1 when it would be denied.
    """
    document = place.api().send(
        "POST", path_of("federation", "authorize"), _asking(principal, resource, given)
    )
    show(document, output, lambda: _verdict(document))
    context.exit(Exit.FINE if document["decision"] == "allowed" else Exit.PROBLEM)


def _verdict(document: dict[str, Any]) -> str:
    allowed = document["decision"] == "allowed"
    lines = [
        f"{coloured(document['decision'], 'green' if allowed else 'red')}: {clean(document['detail'])}",
        f"policy {clean(document['policy_id']) or '-'}, good for {document['ttl_seconds']} s",
        *(clean(condition) for condition in document["conditions"]),
    ]
    if document["shadow_policy_id"]:
        lines.append(f"the shadow grant {clean(document['shadow_policy_id'])} would allow it")
    if document["hint"]:
        lines.append(f"next: {clean(document['hint'])}")
    return "\n".join(lines)


@click.command()
@click.argument("subject", required=False)
@click.option("--node", default="", help="A node: id@organisation.")
@click.option("--request", "request_id", default="", help="A request that happened: its correlation id.")
@click.option("--code", default="", help="A code of a denial or a failure.")
@click.option(
    "--as",
    "principal",
    default="",
    help="Who calls a resource of ours: a partner's SPIFFE id. Without: our applications.",
)
@click.option("--live", "ask", is_flag=True, help="Ask the gateway that runs in this state directory, too.")
@asking_options
@output_option
@pass_place
@click.pass_context
def explain(
    context: click.Context,
    place: Place,
    /,
    subject: str | None,
    *,
    ask: bool,
    output: str,
    **given: Any,  # noqa: ANN401 - click's options by name
) -> None:
    """Why SUBJECT does not work: the first thing that stops it, and what would change that.

    SUBJECT is a resource (name@organisation), or the id of a request. Ends with 1 when something stops it;
    what a code means is only shown.
    """
    body = _question(subject or "", given)
    if ask:
        body["live"] = living(place.state_dir, body.get("route", ""))
    document = _explained(place, body)
    show(document, output, lambda: _way(document))
    context.exit(Exit.FINE if document["works"] or "code" in body else Exit.PROBLEM)


def _explained(place: Place, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return place.api().send("POST", path_of("federation", "routes", "explain"), body)
    except Fault as fault:
        if "code" in body and fault.code == "not_found":
            raise click.BadParameter(fault.message, param_hint="--code") from fault
        raise


def _question(subject: str, given: dict[str, Any]) -> dict[str, Any]:
    chosen = {"node": given["node"], "request": given["request_id"], "code": given["code"]}
    if subject:
        chosen["request" if len(subject) == _REQUEST_ID and "@" not in subject else "route"] = subject
    found = {name: value for name, value in chosen.items() if value}
    if len(found) != 1:
        raise click.UsageError("expected exactly one of SUBJECT, --node, --request and --code")
    body: dict[str, Any] = dict(found)
    if given["principal"]:
        body["caller"] = _asking(given["principal"], subject or "-@-", given)
    return body


def _way(document: dict[str, Any]) -> str:
    if document["works"]:
        lines = [coloured("nothing stops it", _COLOURS["fine"])]
    else:
        lines = [f"{coloured(clean(document['code']), _COLOURS['stopped'])}: {clean(document['detail'])}"]
        if document["hint"]:
            lines.append(f"next: {clean(document['hint'])}")
    rows = [[step["stage"], step["finding"], step["detail"]] for step in document["steps"]]
    if rows:
        lines += ["", table(["STAGE", "FOUND", "DETAIL"], rows)]
    return "\n".join(lines)
