"""Three organisations on one machine exchange traffic and lose parts, run by the users' commands."""
