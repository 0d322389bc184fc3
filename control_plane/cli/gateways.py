"""``proxenia gateway list`` and ``deliveries``: our Envoys, and what each did with what it was sent."""

from collections.abc import Sequence
from typing import Any

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, limit_option, output_option, pass_place, show, show_list
from control_plane.cli.output import Column, Table
from control_plane.cli.text import clean, shown, table

_GATEWAYS = ("federation", "gateways")


@click.group()
def gateway() -> None:
    """Our gateways."""


@gateway.command("list")
@limit_option
@output_option
@pass_place
def list_gateways(place: Place, limit: int, output: str) -> None:
    """List gateways."""
    show_list(place.api().pages(path_of(*_GATEWAYS), {}, limit=limit), output, _TABLE)


_TABLE = Table(
    (
        Column("GATEWAY", "id"),
        Column("CONNECTED", "connected"),
        Column("INGRESS", "ingress"),
        Column("EGRESS", "egress"),
        Column("ENVOY", "envoy_version"),
        Column("ACKNOWLEDGED", lambda item: f"{item['acknowledged']}/{item['wanted']}"),
        Column("REFUSED", "refused"),
        Column("IN FLIGHT", "in_flight", wide=True),
        Column("REPLICA", "replica", wide=True),
        Column("SPIFFE ID", "spiffe_id", wide=True),
    )
)


@gateway.command("deliveries")
@click.argument("gateway_id", metavar="ID")
@output_option
@pass_place
def show_deliveries(place: Place, gateway_id: str, output: str) -> None:
    """Show what one gateway did with what it was sent."""
    document = place.api().get(path_of(*_GATEWAYS, gateway_id, "deliveries"))
    show(document, output, lambda: "\n".join([matrix([document]), *refusals([document])]))


def matrix(gateways: Sequence[dict[str, Any]]) -> str:
    """A row for each gateway, a column for each type: what is acknowledged of what is wanted."""
    kinds = sorted({delivery["type"] for gateway in gateways for delivery in gateway["deliveries"]})
    rows = [[gateway["gateway"], *_cells(gateway, kinds)] for gateway in gateways]
    return table(["GATEWAY", "CONNECTED", *(kind.upper() for kind in kinds)], rows)


def _cells(gateway: dict[str, Any], kinds: Sequence[str]) -> list[str]:
    by_kind = {delivery["type"]: delivery for delivery in gateway["deliveries"]}
    return [shown(gateway["connected"]), *(_cell(by_kind.get(kind)) for kind in kinds)]


def _cell(delivery: dict[str, Any] | None) -> str:
    if delivery is None:
        return ""
    text = f"{delivery['acknowledged']}/{delivery['wanted']}"
    if delivery["in_flight"]:
        text += f" {delivery['in_flight']} in flight"
    if delivery["refused"]:
        text += f" {len(delivery['refused'])} refused"
    return text


def refusals(gateways: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each resource that an Envoy refused, with its words."""
    return [
        clean(f"refused by {gateway['gateway']}: {delivery['type']} {refusal['name']}: {refusal['detail']}")
        for gateway in gateways
        for delivery in gateway["deliveries"]
        for refusal in delivery["refused"]
    ]
