"""``proxenia agreement``: what is agreed with partners."""

from typing import IO, Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.parse import read_input
from control_plane.cli.text import fields

_AGREEMENTS = ("federation", "agreements")
_STATES = click.Choice(["untrusted", "pending", "trusted", "revoked"])

_bundle_option = click.option(
    "--bundle",
    type=click.File("rb"),
    help="PEM file with the partner's CA certificates (- for standard input).",
)
_reason_option = click.option("--reason", default="", help="Why, for whoever reads it later.")


@click.group()
def agreement() -> None:
    """Agreements with partners."""


@agreement.command("list")
@limit_option
@output_option
@pass_place
def list_agreements(place: Place, limit: int, output: str) -> None:
    """List agreements."""
    show_list(place.api().pages(path_of(*_AGREEMENTS), {}, limit=limit), output, _AGREEMENT_TABLE)


_AGREEMENT_TABLE = Table(
    (
        Column("ORGANISATION", "organisation"),
        Column("STATE", "state"),
        Column("PAUSED", "paused"),
        Column("FINGERPRINTS (SHA-256)", "fingerprints"),
        Column("REASON", "reason"),
    ),
    name="organisation",
)


@agreement.command("show")
@click.argument("organisation")
@output_option
@pass_place
def show_agreement(place: Place, organisation: str, output: str) -> None:
    """Show one agreement."""
    document = place.api().get(path_of(*_AGREEMENTS, organisation))
    show(document, output, lambda: fields(document))


@agreement.command("add")
@click.argument("organisation")
@click.option("--state", type=_STATES, default="pending", show_default=True)
@_bundle_option
@_reason_option
@output_option
@pass_place
def add_agreement(place: Place, /, organisation: str, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Begin an agreement with a partner."""
    document = {"organisation": organisation, **_terms(given)}
    answer = place.api().send("POST", path_of(*_AGREEMENTS), document)
    show(answer, output, lambda: f"agreement with {organisation} is {answer['state']}")


@agreement.command("set")
@click.argument("organisation")
@click.option("--state", type=_STATES, required=True)
@click.option("--paused", is_flag=True, help="Let nothing through for now.")
@_bundle_option
@_reason_option
@output_option
@pass_place
def set_agreement(place: Place, /, organisation: str, output: str, **given: Any) -> None:  # noqa: ANN401 - click's options by name
    """Set an agreement by hand, whatever it was."""
    document = {"paused": given["paused"], **_terms(given)}
    answer = place.api().send("PUT", path_of(*_AGREEMENTS, organisation), document)
    show(answer, output, lambda: f"agreement with {organisation} is {answer['state']}")


def _terms(given: dict[str, Any]) -> dict[str, object]:
    terms: dict[str, object] = {"state": given["state"], "reason": given["reason"]}
    file: IO[bytes] | None = given["bundle"]
    if file is not None:
        # What is not text cannot be PEM; the API says so.
        terms["bundle"] = read_input(file).decode("ascii", "replace")
    return terms


def _verb(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("organisation")
    @_reason_option
    @output_option
    @pass_place
    def change(place: Place, organisation: str, reason: str, output: str) -> None:
        answer = place.api().send("POST", path_of(*_AGREEMENTS, organisation, name), {"reason": reason})
        state = f"{answer['state']}, paused" if answer["paused"] else str(answer["state"])
        show(answer, output, lambda: f"agreement with {organisation} is {state}")

    return change


for _name, _summary in (
    ("approve", "Trust a partner."),
    ("pause", "Stop a trusted partner's traffic for now."),
    ("resume", "Let a paused partner's traffic through again."),
    ("revoke", "Take the trust back."),
):
    agreement.add_command(_verb(_name, _summary))


def _certificate_verb(name: str, summary: str, done: str) -> click.Command:
    @click.command(f"{name}-certificate", help=summary)
    @click.argument("organisation")
    @click.argument("serial")
    @_reason_option
    @output_option
    @pass_place
    def change(place: Place, organisation: str, serial: str, reason: str, output: str) -> None:
        # As other tools print it: 0A:1B, or without its first zero.
        digits = serial.replace(":", "").lower()
        path = path_of(
            *_AGREEMENTS, organisation, "certificates", digits.zfill(len(digits) + len(digits) % 2), name
        )
        answer = place.api().send("POST", path, {"reason": reason})
        show(answer, output, lambda: f"certificate {serial} of {organisation} {done}")

    return change


agreement.add_command(
    _certificate_verb(
        "revoke", "Deny one certificate of a partner (SERIAL as the audit shows it).", "is revoked"
    )
)
agreement.add_command(
    _certificate_verb("reinstate", "Let a revoked certificate count again.", "counts again")
)
