"""What is published is accepted by the real Envoy, for both golden worlds."""

from pathlib import Path

import pytest

from control_plane.model.xds import XdsResource
from tests.golden.world import WORLDS, published
from tests.integration.translate.certificates import Authority
from tests.integration.translate.envoy import validate
from tests.integration.translate.static import bootstrap

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_envoy_accepts_every_resource(name: str, tmp_path: Path) -> None:
    Authority("bremen.example").leaf("spiffe://bremen.example/gateway/gw-1").write(tmp_path / "sds")

    verdict = validate(tmp_path, bootstrap(published(WORLDS[name]()).values()))

    assert verdict.returncode == 0, verdict.stderr
    assert "OK" in verdict.stdout
    assert "rejected" not in verdict.stderr
    assert "eprecated" not in verdict.stderr


def test_envoy_refuses_what_is_broken(tmp_path: Path) -> None:
    """The test above would notice."""
    Authority("bremen.example").leaf("spiffe://bremen.example/gateway/gw-1").write(tmp_path / "sds")
    resources = published(WORLDS["open"]())
    key = "RouteConfiguration-ingress"
    routes = resources[key].body.replace(b"local/stock", b"local/stack")
    resources[key] = XdsResource.of(resources[key].type_url, "ingress", routes)

    verdict = validate(tmp_path, bootstrap(resources.values()))

    assert verdict.returncode != 0
    assert "local/stack" in verdict.stderr
