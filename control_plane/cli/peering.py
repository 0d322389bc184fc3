"""``proxenia invite``, ``join`` and ``partner``: becoming partners, and how partners see us."""

import sys
from datetime import datetime
from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.faults import Exit
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.text import clean

HOUR = 3600.0


@click.command()
@click.argument("organisation")
@click.option(
    "--hours",
    type=click.FloatRange(min=0.02, max=168),
    default=24,
    show_default=True,
    help="How long the token can be used.",
)
@output_option
@pass_place
def invite(place: Place, organisation: str, hours: float, output: str) -> None:
    """Invite ORGANISATION: print a token for its operator, which is shown this once."""
    body = {"organisation": organisation, "lifetime": hours * HOUR}
    document = place.api().send("POST", path_of("federation", "invites"), body)
    show(document, output, lambda: _invitation(document))


def _invitation(document: dict[str, Any]) -> str:
    organisation = clean(document["organisation"])
    return "\n".join(
        (
            document["token"],
            "",
            f"Give this token to the operator of {organisation} in private.",
            f"It can be used once, until {clean(document['expires_at'])}: proxenia join TOKEN",
            f"Then compare by telephone, our fingerprint is: {clean(document['words'])}",
            f"And when it is the same on both sides: proxenia agreement approve {organisation}",
        )
    )


@click.command()
@click.argument("token")
@output_option
@pass_place
def join(place: Place, token: str, output: str) -> None:
    """Use the TOKEN (- for standard input) that a partner's operator gave to us."""
    text = sys.stdin.read() if token == "-" else token  # noqa: S105 - the usual dash
    document = place.api().send("POST", path_of("federation", "join"), {"token": text.strip()})
    show(document, output, lambda: _joined(document))


def _joined(document: dict[str, Any]) -> str:
    organisation = clean(document["organisation"])
    lines = [
        f"agreement with {organisation} is {clean(document['state'])}; nodes learnt: {document['nodes']}",
        f"their fingerprint: {clean(document['words'])}",
        f"our fingerprint:   {clean(document['own_words'])}",
    ]
    if document["state"] != "trusted":
        lines.append(f"When their operator reads the same: proxenia agreement approve {organisation}")
    return "\n".join(lines)


@click.group()
def partner() -> None:
    """How partners' control planes and ours see each other."""


@partner.command("list")
@limit_option
@output_option
@pass_place
def list_partners(place: Place, limit: int, output: str) -> None:
    """List what each partner said of us in its last heartbeat."""
    document = place.api().pages(path_of("federation", "partners"), {}, limit=limit)
    show_list(document, output, _PARTNERS)


_PARTNERS = Table(
    (
        Column("PARTNER", "organisation"),
        Column("CONTROL PLANE", lambda item: "stale" if item["stale"] else "alive"),
        Column("HEARD (UTC)", lambda item: _moment(item["heard_at"])),
        Column("ADDRESSES", "addresses", wide=True),
        Column("OUR BUNDLE", "sequence", wide=True),
        Column("WHY NOT SENT", "send_error", wide=True),
        Column("WHAT THEY SAY", "summary"),
    ),
    name="organisation",
)


@partner.command("health")
@click.option("--organisation", help="Only this one's.")
@limit_option
@output_option
@pass_place
@click.pass_context
def show_health(
    context: click.Context, place: Place, organisation: str | None, limit: int, output: str
) -> None:
    """List how partners' nodes are; 1 when one that is trusted cannot be reached."""
    document = place.api().pages(path_of("federation", "health"), {"organisation": organisation}, limit=limit)
    show_list(document, output, _HEALTH)
    down = any(item["verdict"] == "down" for item in document["items"])
    context.exit(Exit.PROBLEM if down else Exit.FINE)


def _count(status: str) -> Column:
    return Column(status.upper(), lambda item: item["nodes"][status])


_HEALTH = Table(
    (
        Column("PARTNER", "organisation"),
        Column("VERDICT", "verdict"),
        *map(_count, ("online", "degraded", "offline", "unknown")),
        Column("CIRCUITS OPEN", "circuits_open"),
        Column("AGREEMENT", lambda item: "paused" if item["paused"] else item["state"]),
        Column(
            "NOT ONLINE",
            lambda item: ", ".join(f"{one['node']} {one['status']}" for one in item["ailing"]),
            wide=True,
        ),
    ),
    name="organisation",
)


def _moment(at: str | None) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S}" if at else ""
