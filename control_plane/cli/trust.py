"""``proxenia trust``: the whole of what is between a partner and us, and invitations that are open."""

from typing import IO, Any

import click

from control_plane.cli.api import Api, path_of
from control_plane.cli.faults import Exit, Fault
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import read_input
from control_plane.cli.text import clean, coloured, fields, table

Document = dict[str, Any]

_AGREEMENTS = ("federation", "agreements")
_INVITES = ("federation", "invites")
_SOON = 500  # names


@click.group()
def trust() -> None:
    """What is between partners and us: what we decided, what they say, and by which anchors."""


_LIST = Table(
    (
        Column("ORGANISATION", "organisation"),
        Column("WE", lambda item: _word(item["state"], paused=item["paused"])),
        Column("THEY", lambda item: item["they"]),
        Column("ANCHORS", lambda item: len(item["fingerprints"])),
        Column("FINGERPRINTS (SHA-256)", "fingerprints", wide=True),
        Column("REVOKED", lambda item: len(item["revoked_identities"]) + len(item["revoked_serials"])),
        Column("REASON", "reason"),
    ),
    name="organisation",
)
_OPEN = Table(
    (
        Column("INVITATION", "id"),
        Column("ORGANISATION", "organisation"),
        Column("BY", "actor"),
        Column("EXPIRES", "expires_at"),
    )
)


@trust.command("list")
@limit_option
@output_option
@pass_place
def list_trust(place: Place, limit: int, output: str) -> None:
    """List partners: what we decided, and what they say of us."""
    api = place.api()
    views = _views(api, "", limit)
    document = api.pages(path_of(*_AGREEMENTS), {}, limit=limit)
    for item in document["items"]:
        view = views.get(item["organisation"])
        item["they"] = _word(view["state"], paused=view["paused"]) if view else ""
    show_list(document, output, _LIST)


@trust.command("show")
@click.argument("organisation")
@output_option
@pass_place
def show_trust(place: Place, organisation: str, output: str) -> None:
    """Show everything about one partner: agreement, anchors, revocation lists, and what it says of us."""
    api = place.api()
    agreement = api.get(path_of(*_AGREEMENTS, organisation))
    # Lists go on after a name: after this one without its last letter, it comes soon.
    before = organisation[:-1]
    bundles = api.get(path_of("federation", "bundles"), {"after": before, "limit": _SOON})["items"]
    document = {
        "organisation": organisation,
        "agreement": agreement,
        "bundle": next((one for one in bundles if one["organisation"] == organisation), None),
        "view": _views(api, before, _SOON).get(organisation),
    }
    show(document, output, lambda: _one(document))


@trust.command("verify")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--purpose",
    type=click.Choice(["server", "client"]),
    default="server",
    show_default=True,
    help="Which end.",
)
@output_option
@pass_place
@click.pass_context
def verify(context: click.Context, place: Place, file: IO[bytes], purpose: str, output: str) -> None:
    """Say whether the chain in FILE (PEM, leaf first; - for standard input) would be believed."""
    chain = read_input(file).decode("ascii", "replace")
    body = {"chain": chain, "purpose": purpose}
    document = place.api().send("POST", path_of("federation", "verify"), body)
    show(
        document,
        output,
        lambda: _verdict(document),
        names=lambda: [_named(document)],
    )
    context.exit(Exit.FINE if document["valid"] else Exit.PROBLEM)


def _verdict(document: Document) -> str:
    if document["valid"]:
        word = f"{coloured('valid', 'green')}: {clean(document['spiffe_id'])}, until {document['expires_at']}"
    else:
        word = f"{coloured('refused', 'red')}: {clean(document['detail'])} ({document['code']})"
    lines = [
        word,
        f"its organisation: {clean(document['organisation']) or '-'}, which is {document['trust']}",
    ]
    rows = [[one["subject"], one["not_after"], one["fingerprint_sha256"]] for one in document["certificates"]]
    if rows:
        lines += ["", table(["CERTIFICATE", "NOT AFTER", "FINGERPRINT (SHA-256)"], rows)]
    return "\n".join(lines)


def _named(document: Document) -> str:
    return str(document["spiffe_id"] or document["code"])


@trust.command("invitations")
@limit_option
@output_option
@pass_place
def list_invitations(place: Place, limit: int, output: str) -> None:
    """List invitations that can still be used."""
    show_list(place.api().pages(path_of(*_INVITES), {}, limit=limit), output, _OPEN)


@trust.command("withdraw")
@click.argument("invitation", metavar="INVITATION")
@output_option
@pass_place
def withdraw(place: Place, invitation: str, output: str) -> None:
    """Make the token of an open INVITATION useless."""
    place.api().send("DELETE", path_of(*_INVITES, invitation))
    show({"removed": invitation}, output, lambda: f"invitation {invitation} is withdrawn")


def _views(api: Api, after: str, limit: int) -> dict[str, Document]:
    """What partners say of us; nothing where control planes do not speak with each other."""
    try:
        items = api.pages(path_of("federation", "partners"), {"after": after}, limit=limit)["items"]
    except Fault as fault:
        if fault.exit_code != Exit.PROBLEM or "peering_off" not in fault.message:
            raise
        return {}
    return {item["organisation"]: item for item in items}


def _word(state: str | None, *, paused: bool) -> str:
    return f"{state or 'not heard'}, paused" if paused else state or "not heard"


def _one(document: Document) -> str:
    agreement, bundle, view = document["agreement"], document["bundle"], document["view"]
    word = coloured(
        _word(agreement["state"], paused=agreement["paused"]), "green" if agreement["open"] else "red"
    )
    says = clean(view["summary"]) if view else "nothing is heard of them"
    facts = {name: value for name, value in agreement.items() if name not in {"organisation", "fingerprints"}}
    lines = [f"{word}: {clean(document['organisation'])}; {says}", "", fields(facts)]
    if bundle:
        rows = [
            [one["subject"], one["not_after"], one["fingerprint_sha256"]] for one in bundle["certificates"]
        ]
        lines += [
            "",
            table([f"ANCHOR OF BUNDLE {bundle['sequence']}", "NOT AFTER", "FINGERPRINT (SHA-256)"], rows),
        ]
    lines += [clean(f"they say: {one['detail']} ({one['code']})") for one in (view or {}).get("remarks", [])]
    return "\n".join(lines)
