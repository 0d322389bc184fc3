"""Why something does not work: a pure walk along its way, to the first thing that stops it."""
