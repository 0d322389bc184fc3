"""The ``proxenia`` command: thin commands over the admin API, quick to start."""
