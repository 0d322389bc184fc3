"""Following bundles by hand: from any endpoint, shown as it goes, approved when nothing vouches for it."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.peering import BundleSource
from control_plane.pki import spiffe_bundle
from control_plane.ports.errors import UnavailableError
from control_plane.trust.bundles import PartnerBundles
from tests.unit.admin.test_federation import API
from tests.unit.admin.world import PARTNER, World, running
from tests.unit.pki.federation import LUEBECK, organisation
from tests.unit.pki.minting import chain_pem

SOURCE = f"{API}/bundles/{PARTNER}/source"
WEB = {"profile": "https_web", "urls": ["https://trust.luebeck.example/bundle"]}
SPIRE = {
    "profile": "https_spiffe",
    "urls": ["https://spire.luebeck.example:8443"],
    "spiffe_id": "spiffe://luebeck.example/spire/server",
}
ROOT, ISSUING = (chain_pem(one) for one in (organisation(LUEBECK).root, organisation(LUEBECK).issuing))


class Endpoint:
    """Answers with a bundle, or not at all; remembers where it was looked for."""

    def __init__(self) -> None:
        self.bundle: Bundle | None = None
        self.asked: list[BundleSource] = []

    async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
        del anchors
        self.asked.append(source)
        if self.bundle is None:
            raise UnavailableError("it does not answer")
        return spiffe_bundle.encode(self.bundle, refresh_hint=300)


ENDPOINT = Endpoint()


@pytest_asyncio.fixture
async def following() -> AsyncIterator[World]:
    ENDPOINT.bundle, ENDPOINT.asked = None, []
    async with running(following=ENDPOINT) as made:
        yield made


async def fetch(world: World) -> dict[str, object]:
    """What is shown of the source after a round."""
    assert world.peering is not None
    assert isinstance(world.peering.bundles, PartnerBundles)
    await world.peering.bundles.store.hurry(PARTNER, spacing=0)
    await world.peering.bundles.round()
    (shown,) = (await world.call("GET", f"{API}/bundle-sources")).document["items"]
    assert isinstance(shown, dict)
    return shown


async def begin(world: World, state: str = "pending") -> None:
    terms = {"organisation": PARTNER, "state": state}
    if state == "trusted":
        terms["bundle"] = ROOT
    assert (await world.call("POST", f"{API}/agreements", terms)).status == 201


@pytest.mark.parametrize("source", [WEB, SPIRE], ids=["web", "spire"])
async def test_a_source_is_followed_and_shown(following: World, source: dict[str, object]) -> None:
    await begin(following, "trusted")

    answer = await following.call("PUT", SOURCE, source)
    shown = await fetch(following)

    assert answer.status == 202
    assert {name: shown[name] for name in source} == source
    assert (shown["code"], shown["failures"], shown["held"]) == ("unavailable", 1, None)
    assert [str(one.profile) for one in ENDPOINT.asked] == [source["profile"]]
    assert "bundle.follow" in [event.action for event in following.audit.events]


async def test_the_first_bundle_ever_waits_for_approval(following: World) -> None:
    await begin(following)
    ENDPOINT.bundle = Bundle(PARTNER, (ROOT,), sequence=4)
    await following.call("PUT", SOURCE, WEB)

    shown = await fetch(following)
    before = await following.objects.get(Kind.BUNDLE, PARTNER)
    approved = await following.call("POST", f"{API}/bundles/{PARTNER}/approve")
    after = await following.objects.get(Kind.BUNDLE, PARTNER)

    held = shown["held"]
    assert isinstance(held, dict)
    assert (shown["code"], held["sequence"], len(held["words"].split())) == ("anchors_new", 4, 10)
    assert before is None
    assert approved.status == 200
    assert after is not None
    assert after.value == ENDPOINT.bundle


async def test_replaced_anchors_are_taken_over_with_the_lists_of_those_before(following: World) -> None:
    await begin(following, "trusted")
    await following.call("PUT", f"{API}/bundles/{PARTNER}/crls", {"mode": "soft"})
    ENDPOINT.bundle = Bundle(PARTNER, (ISSUING,), sequence=9)
    await following.call("PUT", SOURCE, WEB)

    shown = await fetch(following)
    await following.call("POST", f"{API}/bundles/{PARTNER}/approve")

    stored = await following.objects.get(Kind.BUNDLE, PARTNER)
    assert shown["code"] == "anchors_replaced"
    assert stored is not None
    assert isinstance(stored.value, Bundle)
    assert (stored.value.anchors, str(stored.value.crl_policy.mode)) == ((ISSUING,), "soft")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"spiffe_id": "spiffe://luebeck.example/x"}, "bad_bundle_source", id="web with an id"),
        pytest.param({"profile": "https_spiffe"}, "bad_bundle_source", id="spiffe without an id"),
        pytest.param({"urls": []}, "bad_bundle_source", id="no URL"),
        pytest.param({"urls": ["http://trust.luebeck.example/"]}, "bad_url", id="plain text"),
        pytest.param({"urls": ["https://user@trust.luebeck.example/"]}, "bad_url", id="with a user"),
    ],
)
async def test_bad_sources_change_nothing(following: World, change: dict[str, object], code: str) -> None:
    await begin(following)
    before = following.state

    answer = await following.call("PUT", SOURCE, WEB | change)

    assert (answer.status, answer.code) == (422, code)
    assert following.state == before


async def test_nobody_is_followed_without_an_agreement(following: World) -> None:
    for method, path, body in (
        ("PUT", SOURCE, WEB),
        ("POST", f"{API}/bundles/{PARTNER}/refresh", {}),
        ("POST", f"{API}/bundles/{PARTNER}/approve", {}),
    ):
        answer = await following.call(method, path, body)
        assert (answer.status, answer.code) == (404, "not_found")


async def test_without_a_peering_endpoint_there_is_nothing_to_follow_with(world: World) -> None:
    answer = await world.call("GET", f"{API}/bundle-sources")

    assert (answer.status, answer.code) == (409, "peering_off")
