"""What a real Envoy would refuse is never published, and everything else of the same moment is."""

import pytest

from control_plane.gateway.validate import EnvoyValidation
from control_plane.kit.slices import in_slices
from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.ports.publisher import Publication
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.trial import Trial
from tests.golden.anchors import HAMBURG as ANCHOR
from tests.golden.world import BREMEN, HAMBURG, LUEBECK, ROSTOCK, WORLDS, items, node, open_federation

pytestmark = pytest.mark.integration

BROKEN = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"


class Tried:
    """A federator whose steps are tried by the Envoy of this machine."""

    def __init__(self) -> None:
        validation = EnvoyValidation.of(None)
        assert validation is not None
        self.federator = Federator(BREMEN, Tuning())
        self.trial = Trial(validation, Tuning(), BREMEN)
        self._revision = 0

    async def put(self, *values: Value | Item) -> Publication:
        self._revision += 1
        changed = tuple(v for v in values if isinstance(v, Item))
        changed += items(v for v in values if not isinstance(v, Item))
        return await in_slices(self.federator.steps(Change(self._revision, changed)), ask=self.trial.refused)

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(p.subject, p.detail) for p in self.federator.problems if p.code == "refused_by_envoy"]


def names(publication: Publication) -> set[str]:
    return {resource.name for resource in publication.upserts}


@pytest.mark.parametrize("name", sorted(WORLDS))
async def test_whatever_is_right_is_tried_once_and_published(name: str) -> None:
    tried, plain = Tried(), Federator(BREMEN, Tuning())

    published = await tried.put(*WORLDS[name]())

    assert tried.refused == []
    assert published == plain.apply(Change(1, items(WORLDS[name]())))
    assert tried.trial.runs == 1


async def test_one_broken_bundle_is_held_back_alone_and_named_with_envoy_s_words() -> None:
    tried = Tried()
    await tried.put(*open_federation())

    published = await tried.put(
        Agreement(ROSTOCK, AgreementState.TRUSTED),
        Bundle(ROSTOCK, (BROKEN,)),
        node("hro-1", ROSTOCK, Endpoint("192.0.2.77", 8443)),
        Resource(ResourceName("fish"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9100),)),
        Grant(ObjectId("fish-to-luebeck"), ResourceName("fish"), LUEBECK),
        Bundle(HAMBURG, (ANCHOR, ANCHOR)),
    )

    assert "trust-rostock.example" not in names(published)
    assert {"local/fish", "ingress", "trust-hamburg.example", "trust-ingress"} <= names(published)
    shared = next(resource for resource in published.upserts if resource.name == "trust-ingress")
    assert b"rostock" not in shared.body
    assert [subject for subject, _ in tried.refused] == ["partner rostock.example"]
    assert "certificate" in tried.refused[0][1].lower()
    assert "BEGIN" not in tried.refused[0][1]


async def test_what_was_refused_is_not_tried_again_until_it_changes_and_then_is_published() -> None:
    tried = Tried()
    await tried.put(*open_federation())
    await tried.put(Agreement(ROSTOCK, AgreementState.TRUSTED), Bundle(ROSTOCK, (BROKEN,)))
    runs = tried.trial.runs

    await tried.put(node("lb-9", LUEBECK, Endpoint("192.0.2.99", 8443)))
    quiet = tried.trial.runs
    mended = await tried.put(Bundle(ROSTOCK, (ANCHOR,)), node("hro-1", ROSTOCK, Endpoint("192.0.2.77", 1)))

    assert quiet == runs
    assert "trust-rostock.example" in names(mended)
    assert tried.refused == []


async def test_ordinary_changes_cost_no_run() -> None:
    tried = Tried()
    await tried.put(*open_federation())
    runs = tried.trial.runs

    await tried.put(node("lb-3", LUEBECK, Endpoint("192.0.2.33", 8443)))
    await tried.put(Resource(ResourceName("fish"), BREMEN, upstreams=(Endpoint("127.0.0.1", 9100),)))
    await tried.put(Resource(ResourceName("ships"), HAMBURG))
    await tried.put(Grant(ObjectId("fish"), ResourceName("fish"), LUEBECK))
    await tried.put(Item(Kind.GRANT, "stock-to-luebeck", None))

    assert tried.trial.runs == runs


async def test_what_ends_access_is_not_held_up_by_a_trial() -> None:
    tried = Tried()
    await tried.put(*open_federation())
    runs = tried.trial.runs

    published = await tried.put(
        Agreement(LUEBECK, AgreementState.REVOKED, cut=Cut(1, 1_767_225_600.0, "ada", "organisation"))
    )

    assert tried.trial.runs == runs
    assert "trust-luebeck.example" in names(published)
