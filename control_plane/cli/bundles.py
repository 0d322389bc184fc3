"""``proxenia bundle``: by what partners are verified, and by what they verify us."""

from typing import IO, Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import read_input
from control_plane.cli.text import clean, shown, table

_BUNDLES = ("federation", "bundles")
_HOUR = 3600.0


@click.group()
def bundle() -> None:
    """Trust anchors: our own, and partners'."""


@bundle.command("list")
@limit_option
@output_option
@pass_place
def list_bundles(place: Place, limit: int, output: str) -> None:
    """List the CA certificates of all organisations."""
    show_list(place.api().pages(path_of(*_BUNDLES), {}, limit=limit), output, _BUNDLE_TABLE)


_BUNDLE_TABLE = Table(
    (
        Column("ORGANISATION", "organisation"),
        Column("OWN", "own"),
        Column("SUBJECT", "subject"),
        Column("SERIAL", "serial_number", wide=True),
        Column("NOT BEFORE", "not_before", wide=True),
        Column("NOT AFTER", "not_after"),
        Column("FINGERPRINT (SHA-256)", "fingerprint_sha256"),
    ),
    name="organisation",
    each=lambda item: ({**item, **certificate} for certificate in item["certificates"]),
)


@bundle.command("own")
@output_option
@pass_place
def own_bundle(place: Place, output: str) -> None:
    """Print our own CA certificates as PEM, for partners to import."""
    document = place.api().get(path_of("federation", "info"))
    show(document, output, lambda: "".join(document["anchors"]).rstrip("\n"))


@bundle.command("follow")
@click.argument("organisation")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--spiffe-id", default="", help="The endpoint proves this id by the bundle that we hold.")
@click.option("--web", is_flag=True, help="The endpoint has a certificate of the public web for its name.")
@output_option
@pass_place
def follow_bundle(  # noqa: PLR0913 - click's options by name
    place: Place, organisation: str, urls: tuple[str, ...], *, spiffe_id: str, web: bool, output: str
) -> None:
    """Fetch ORGANISATION's bundle from another software's bundle endpoint (SPIFFE Federation)."""
    if web == bool(spiffe_id):
        raise click.UsageError("say how the endpoint proves who it is: --web, or --spiffe-id ID")
    body: dict[str, object] = {"profile": "https_web" if web else "https_spiffe", "urls": list(urls)}
    if spiffe_id:
        body["spiffe_id"] = spiffe_id
    place.api().send("PUT", path_of(*_BUNDLES, organisation, "source"), body)
    done = f"the bundle of {organisation} is fetched from there now: proxenia bundle sources"
    show({"organisation": organisation, **body}, output, lambda: done)


@bundle.command("sources")
@limit_option
@output_option
@pass_place
def list_sources(place: Place, limit: int, output: str) -> None:
    """List where partners' bundles are fetched, and which of them wait for approval."""
    document = place.api().pages(path_of("federation", "bundle-sources"), {}, limit=limit)
    show_list(document, output, _SOURCES)


_SOURCES = Table(
    (
        Column("ORGANISATION", "organisation"),
        Column("PROFILE", "profile"),
        Column("URL", "urls"),
        Column("FETCHED", "fetched_at"),
        Column("OUTCOME", lambda item: item["code"] or "good" if item["fetched_at"] else "not fetched yet"),
        Column("DETAIL", "detail", wide=True),
        Column("WAITS FOR APPROVAL", lambda item: item["held"]["words"] if item["held"] else ""),
    ),
    name="organisation",
)


@bundle.command("approve")
@click.argument("organisation")
@output_option
@pass_place
def approve_bundle(place: Place, organisation: str, output: str) -> None:
    """Take over a fetched bundle that has none of the anchors that we hold (compare its words first)."""
    document = place.api().send("POST", path_of(*_BUNDLES, organisation, "approve"), {})
    show(document, output, lambda: f"the bundle of {organisation} is number {document['sequence']} now")


@bundle.command("refresh")
@click.argument("organisation")
@output_option
@pass_place
def refresh_bundle(place: Place, organisation: str, output: str) -> None:
    """Fetch ORGANISATION's bundle soon."""
    place.api().send("POST", path_of(*_BUNDLES, organisation, "refresh"), {})
    done = f"the bundle of {organisation} is fetched soon: proxenia bundle sources"
    show({"organisation": organisation, "refresh": True}, output, lambda: done)


@bundle.group()
def crl() -> None:
    """Revocation lists (CRLs) of partners."""


@crl.command("set")
@click.argument("organisation")
@click.argument("file", type=click.File("rb"), required=False)
@click.option(
    "--policy",
    type=click.Choice(["hard", "soft"]),
    default="hard",
    show_default=True,
    help="When a list is missing or old: refuse all of its authority, or go on for a while.",
)
@click.option(
    "--grace-hours",
    type=click.FloatRange(min=0),
    default=24,
    show_default=True,
    help="How long an old list still counts under a soft policy.",
)
@output_option
@pass_place
def set_crls(place: Place, /, organisation: str, file: IO[bytes] | None, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Set ORGANISATION's lists (PEM, one of each of its authorities; - for standard input).

    Without FILE the lists stay, and only the policy changes.
    """
    body: dict[str, object] = {"mode": given["policy"], "grace": given["grace_hours"] * _HOUR}
    if file is not None:
        body["crls"] = read_input(file).decode("ascii", "replace")
    document = place.api().send("PUT", path_of(*_BUNDLES, organisation, "crls"), body)
    show(document, output, lambda: _crls(document))


@crl.command("show")
@click.argument("organisation")
@output_option
@pass_place
def show_crls(place: Place, organisation: str, output: str) -> None:
    """Show ORGANISATION's lists, and what is wrong with them."""
    document = place.api().get(path_of(*_BUNDLES, organisation, "crls"))
    show(document, output, lambda: _crls(document))


@crl.command("remove")
@click.argument("organisation")
@output_option
@pass_place
def remove_crls(place: Place, organisation: str, output: str) -> None:
    """Look nothing of ORGANISATION up in lists any more."""
    place.api().send("DELETE", path_of(*_BUNDLES, organisation, "crls"))
    done = f"the revocation lists of {organisation} are forgotten"
    show({"removed": organisation}, output, lambda: done)


def _crls(document: dict[str, Any]) -> str:
    policy = document["mode"]
    if policy == "soft":
        policy += f", {document['grace'] / _HOUR:g} h of grace"
    lines = [f"{clean(document['organisation'])}: {len(document['lists'])} revocation lists, policy {policy}"]
    rows = [
        [one["issuer"], shown(one["of_anchor"]), one["number"], one["revoked"], one["next_update"]]
        for one in document["lists"]
    ]
    if rows:
        lines += ["", table(["AUTHORITY", "ANCHOR", "NUMBER", "REVOKED", "NEXT UPDATE"], rows)]
    lines += [f"{one['code']}: {clean(one['detail'])}" for one in document["problems"]]
    return "\n".join(lines)
