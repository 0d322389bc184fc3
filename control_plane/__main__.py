"""``python -m control_plane`` is the ``proxenia`` command."""

from control_plane.cli.main import main

main()
