"""What of py-consul is used, and what is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from control_plane.discovery import consul_http


class Heard:
    """A transport that remembers what it was asked."""

    host, port, scheme = "192.0.2.1", 8500, "http"

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []

    def get(
        self, _callback: object, path: str, params: Sequence[tuple[str, Any]], headers: Mapping[str, str]
    ) -> None:
        self.calls.append((path, dict(params), headers))


@pytest.mark.parametrize("token", ["", "0f2d"])
def test_the_environment_replaces_nothing(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    for name, value in {"TOKEN": "stolen", "ADDR": "https://elsewhere.example:1", "SSL": "true"}.items():
        monkeypatch.setenv(f"CONSUL_HTTP_{name}", value)
    heard = Heard()
    calls = consul_http.Calls(heard, "dc2")  # type: ignore[arg-type]  # stands in for it

    calls.health.service("proxenia", passing=True, token=token, index="7", wait="30000ms")

    assert heard.calls == [
        (
            "/v1/health/service/proxenia",
            {"index": "7", "wait": "30000ms", "passing": "1", "dc": "dc2"},
            {"X-Consul-Token": token} if token else {},
        )
    ]
