"""Keys of every kind in a bundle document."""

import json

import pytest

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import spiffe_bundle
from tests.unit.pki.federation import VISBY, organisation
from tests.unit.pki.minting import authority, mint


@pytest.mark.parametrize(("kind", "kty"), [("RSA-2048", "RSA"), ("P-384", "EC"), ("P-521", "EC")])
def test_a_bundle_with_a_strong_key_of_any_kind_is_read_back_as_it_was(kind: str, kty: str) -> None:
    bundle = organisation(VISBY).bundle(anchors=(mint(authority("an anchor", key=kind)),))

    document = spiffe_bundle.encode(bundle, refresh_hint=60)

    assert json.loads(document)["keys"][0]["kty"] == kty
    assert spiffe_bundle.parse(document, TrustDomain(VISBY)).bundle.anchors == bundle.anchors


def test_a_weak_key_is_not_served_to_partners() -> None:
    bundle = organisation(VISBY).bundle(anchors=(mint(authority("an anchor", key="secp256k1")),))

    with pytest.raises(InvalidValueError) as caught:
        spiffe_bundle.encode(bundle, refresh_hint=60)

    assert caught.value.code == "weak_key"
