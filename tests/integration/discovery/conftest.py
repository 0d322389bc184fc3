"""What the tests of this folder share."""

from tests.integration.discovery.plugin_world import example_installed

__all__ = ["example_installed"]
