"""``proxenia diff``: what a gateway should have, what it acknowledged, and what it really has."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.live import Held, gateways_of, versions
from control_plane.cli.options import Place, output_option, pass_place, show
from control_plane.cli.text import clean, table

_ABSENT = "-"
_MOST = 1_000_000  # resources


@click.command()
@click.argument("gateway_id", metavar="[GATEWAY]", required=False)
@click.option("--live", "ask", is_flag=True, help="Compare with what the Envoy of this machine says it has.")
@click.option("--all", "everything", is_flag=True, help="Also what is the same.")
@output_option
@pass_place
@click.pass_context
def diff(  # noqa: PLR0913 - click's options by name
    context: click.Context,
    place: Place,
    /,
    gateway_id: str | None,
    *,
    ask: bool,
    everything: bool,
    output: str,
) -> None:
    """Show what GATEWAY should have and has not; ends with 1 when there is something.

    Without GATEWAY: the one that runs in this state directory, or the only one.
    """
    local = {path.name: path for path in gateways_of(place.state_dir)}
    name = gateway_id or next(iter(local), "") or _only(place)
    query = {"all": "true" if ask or everything else None}
    document = place.api().pages(path_of("federation", "gateways", name, "diff"), query, limit=_MOST)
    document["resources"] = document.pop("items")
    del document["next"]
    if ask:
        if name not in local:
            raise click.UsageError(f"gateway {name} does not run on this machine: leave --live out")
        _compare(document, versions(local[name]))
    told = [each for each in document["resources"] if everything or _differs(each)]
    document["resources"] = told
    names = [each["name"] for each in told]
    show(document, output, lambda: _text(document, live=ask), names=lambda: names)
    context.exit(Exit.PROBLEM if any(_differs(each) for each in told) else Exit.FINE)


def _only(place: Place) -> str:
    items = place.api().pages(path_of("federation", "gateways"), {}, limit=2)["items"]
    if len(items) != 1:
        raise click.UsageError("expected a GATEWAY (proxenia gateway list)")
    return str(items[0]["id"])


def _compare(document: dict[str, Any], live: dict[str, dict[str, Held]]) -> None:
    """Add what is live; Envoy does not tell the versions of endpoints, nor of chains replaced in place."""
    named = set()
    for each in document["resources"]:
        named.add((each["type"], each["name"]))
        if each["type"] in live:
            held = live[each["type"]].get(each["name"], Held("", []))
            same = held.chains and held.chains == each["chains"]
            each["live"] = each["wanted"] if same else held.version
    for kind, found in live.items():
        document["resources"] += [
            {"type": kind, "name": name, "wanted": "", "progress": "gone", "detail": "", "live": held.version}
            for name, held in found.items()
            if (kind, name) not in named
        ]


def _differs(each: dict[str, Any]) -> bool:
    return bool(each["progress"] != "acknowledged" or each.get("live", each["wanted"]) != each["wanted"])


def _text(document: dict[str, Any], *, live: bool) -> str:
    rows = [
        [
            each["type"],
            each["name"],
            each["wanted"] or _ABSENT,
            each["progress"],
            *([each.get("live", "not told") or _ABSENT] if live else []),
            each["detail"],
        ]
        for each in document["resources"]
    ]
    head = ["TYPE", "NAME", "WANTED", "PROGRESS", *(["LIVE"] if live else []), "DETAIL"]
    first = (
        f"gateway {clean(document['gateway'])} acknowledged {document['acknowledged']} of"
        f" {document['wanted']} resources"
    )
    return "\n".join([first, *(["", table(head, rows)] if rows else [])])
