"""``proxenia dashboard``: a link that signs a browser in."""

import click

from control_plane.cli.api import path_of
from control_plane.cli.options import Place, output_option, pass_place, show


@click.command()
@output_option
@pass_place
def dashboard(place: Place, output: str) -> None:
    """Print a link to the dashboard. It signs a browser in once, within two minutes."""
    document = place.api().send("POST", path_of("dashboard", "links"), {})
    show(document, output, lambda: str(document["url"]))
