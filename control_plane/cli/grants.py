"""``proxenia grant``: who may use which of our resources."""

from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import capability, time, window
from control_plane.cli.text import fields

_GRANTS = ("federation", "grants")


@click.group()
def grant() -> None:
    """Grants of our resources to partners."""


@grant.command("list")
@click.option("--organisation", help="Only this partner's.")
@limit_option
@output_option
@pass_place
def list_grants(place: Place, organisation: str | None, limit: int, output: str) -> None:
    """List grants."""
    document = place.api().pages(path_of(*_GRANTS), {"organisation": organisation}, limit=limit)
    show_list(document, output, _TABLE)


def _allows(item: dict[str, Any]) -> str:
    return "; ".join(_capability(part) for part in item["capabilities"]) or "everything"


_TABLE = Table(
    (
        Column("GRANT", "id"),
        Column("RESOURCE", "resource"),
        Column("SUBJECT", "subject"),
        Column("ALLOWS", _allows),
        Column("ENABLED", lambda item: "shadow" if item["shadow"] else item["enabled"]),
        Column("CONDITIONS", lambda item: _said(item["conditions"]), wide=True),
    )
)


def _said(conditions: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in conditions.items() if value not in (None, "", [])}


def _capability(part: dict[str, Any]) -> str:
    tools = f" tools {','.join(part['tools'])}" if part["tools"] else ""
    return f"{','.join(part['methods'])} {part['path']}{tools}".strip()


@grant.command("show")
@click.argument("grant_id", metavar="ID")
@output_option
@pass_place
def show_grant(place: Place, grant_id: str, output: str) -> None:
    """Show one grant."""
    document = place.api().get(path_of(*_GRANTS, grant_id))
    show(document, output, lambda: fields(document))


@grant.command("add")
@click.argument("resource")
@click.argument("subject")
@click.option("--id", "grant_id", help="What audit rows will show.  [default: <resource>.<organisation>]")
@click.option(
    "--allow",
    "capabilities",
    type=capability,
    multiple=True,
    help="'GET,POST /path', repeatable.  [default: all]",
)
@click.option("--tool", "tools", multiple=True, help="A tool of an MCP resource, repeatable.  [default: all]")
@click.option("--from", "begins", type=time, help="In force from then on (2026-01-31T12:00).")
@click.option("--until", "ends", type=time, help="In force until then.")
@click.option(
    "--hours", type=window, multiple=True, help="'1-5 08:00-17:30' (days from Monday, UTC), repeatable."
)
@click.option("--approval", help="What an operator has to give by this name before it is in force.")
@click.option("--shadow", is_flag=True, help="Only count what it would allow.")
@output_option
@pass_place
def add_grant(place: Place, /, resource: str, subject: str, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Let SUBJECT use our RESOURCE.

    SUBJECT is an organisation, a SPIFFE id, or a SPIFFE id's path prefix that ends in /*.
    """
    organisation = subject.removeprefix("spiffe://").partition("/")[0]
    tools = [{"tools": list(given["tools"])}] if given["tools"] else []
    document = {
        "id": given["grant_id"] or f"{resource}.{organisation}",
        "resource": resource,
        "subject": subject,
        "capabilities": [*given["capabilities"], *tools],
        "shadow": given["shadow"],
        "conditions": {
            "begins": given["begins"],
            "ends": given["ends"],
            "weekly": list(given["hours"]),
            "approval": given["approval"],
        },
    }
    added = place.api().send("POST", path_of(*_GRANTS), document)
    show(added, output, lambda: f"grant {added['id']} added")


@grant.command("remove")
@click.argument("grant_id", metavar="ID")
@output_option
@pass_place
def remove_grant(place: Place, grant_id: str, output: str) -> None:
    """Remove a grant: what it allowed is denied again."""
    place.api().send("DELETE", path_of(*_GRANTS, grant_id))
    show({"removed": grant_id}, output, lambda: f"grant {grant_id} removed")


@grant.command("approve")
@click.argument("grant_id", metavar="ID")
@click.argument("approval")
@output_option
@pass_place
def approve_grant(place: Place, grant_id: str, approval: str, output: str) -> None:
    """Give the APPROVAL that a grant waits for, by its name."""
    document = place.api().send("POST", path_of(*_GRANTS, grant_id, "approve"), {"approval": approval})
    show(document, output, lambda: f"grant {grant_id} is approved")


@grant.command("disapprove")
@click.argument("grant_id", metavar="ID")
@click.argument("approval")
@output_option
@pass_place
def disapprove_grant(place: Place, grant_id: str, approval: str, output: str) -> None:
    """Take an APPROVAL back: the grant is not in force any more."""
    document = place.api().send("POST", path_of(*_GRANTS, grant_id, "disapprove"), {"approval": approval})
    show(document, output, lambda: f"grant {grant_id} waits for approval again")


@grant.command("shadow")
@click.argument("grant_id", metavar="ID")
@click.option("--since", type=time, help="From when on: 15m, 2h or 2026-01-31T12:00.  [default: 24h]")
@output_option
@pass_place
def show_shadow(place: Place, grant_id: str, since: str | None, output: str) -> None:
    """Count what a shadow grant would have allowed."""
    document = place.api().get(path_of(*_GRANTS, grant_id, "shadow"), {"since": since})
    show(document, output, lambda: fields(document))
