"""Metrics and logging, named once."""
