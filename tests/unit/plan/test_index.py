"""Many values by key."""

from control_plane.model.identity import ResourceName, SpiffeId, TrustDomain
from control_plane.model.resource import Resource
from control_plane.plan.index import Index
from control_plane.plan.references import Catalogue, subjects


def test_a_key_whose_last_value_goes_is_gone() -> None:
    index: Index[str, int] = Index()
    index.add("a", 1)
    index.add("a", 2)

    index.discard("a", 1)
    kept = set(index.of("a"))
    index.discard("a", 2)
    index.discard("a", 3)

    assert kept == {2}
    assert "a" not in index
    assert index.of("a") == frozenset()


def test_a_partner_without_resources_is_not_in_the_catalogue() -> None:
    catalogue = Catalogue()
    partner = TrustDomain("luebeck.example")
    resource = Resource(ResourceName("orders"), partner)

    catalogue.add(resource)
    was_in = partner in catalogue
    catalogue.discard(resource)

    assert was_in
    assert partner not in catalogue
    assert catalogue.of(partner) == frozenset()


def test_an_identity_is_covered_by_itself_its_organisation_and_its_prefixes() -> None:
    covering = list(subjects(SpiffeId("spiffe://luebeck.example/gateway/north/1")))

    assert covering == [
        "spiffe://luebeck.example/gateway/north/1",
        "luebeck.example",
        "spiffe://luebeck.example/gateway/north/*",
        "spiffe://luebeck.example/gateway/*",
    ]
