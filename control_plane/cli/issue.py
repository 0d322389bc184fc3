"""``proxenia gateway issue``: the first certificate of a gateway on another machine."""

from pathlib import Path

import click

from control_plane.cli.options import Place, pass_place


@click.command()
@click.argument("gateway_id")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The gateway's future directory; its identity is written to <out>/sds.",
)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file of settings.")
@pass_place
@click.pass_context
def issue(context: click.Context, place: Place, /, gateway_id: str, out: Path, config: Path | None) -> None:
    """Make the first certificate of a gateway on another machine.

    Run it where the control plane runs, and carry the directory over in private: it holds a key.
    """
    from control_plane.app import entry  # noqa: PLC0415 - heavy

    overrides: dict[str, object] = {"state_dir": place.given}
    context.exit(entry.gateway_issue(gateway=gateway_id, out=out, config=config, overrides=overrides))
