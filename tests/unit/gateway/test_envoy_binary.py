"""Which Envoy is run, and which is refused."""

from pathlib import Path

import pytest

from control_plane.gateway.config import AgentError
from control_plane.gateway.envoy_binary import find_envoy, read_version

ENVOY = Path("/usr/bin/envoy")


def printed(version: str) -> str:
    return f"\nenvoy  version: 9e5580933739775e8bce/{version}/Clean/RELEASE/BoringSSL\n"


def test_the_version_is_read() -> None:
    assert read_version(printed("1.40.0"), ENVOY) == "1.40.0"
    assert read_version(printed("1.37.1-dev"), ENVOY) == "1.37.1"
    assert read_version(printed("2.0.0"), ENVOY) == "2.0.0"


def test_an_old_envoy_is_refused_with_the_next_step() -> None:
    with pytest.raises(AgentError, match=r"at least 1\.36, got 1\.35\.9 .*upgrade"):
        read_version(printed("1.35.9"), ENVOY)


def test_something_else_is_no_envoy() -> None:
    with pytest.raises(AgentError, match="expected the version of an Envoy"):
        read_version("bash 5.2", ENVOY)


def test_a_configured_envoy_is_taken_as_it_is(tmp_path: Path) -> None:
    executable = tmp_path / "envoy"
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o700)

    assert find_envoy(executable) == executable


def test_a_configured_envoy_that_is_missing_is_not_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="correct the setting"):
        find_envoy(tmp_path / "envoy")


def test_the_installed_wheel_is_found() -> None:
    assert find_envoy(None).name == "envoy"
