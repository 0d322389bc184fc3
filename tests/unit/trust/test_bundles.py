"""Following a partner's bundle: what is kept, taken, held and withdrawn, and who is told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.peering import BundleProfile, BundleSource, BundleState, PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.pki import spiffe_bundle
from control_plane.ports.errors import MissingError, UnavailableError
from control_plane.ports.objects import Write
from control_plane.trust.bundles import SPACING, PartnerBundles
from tests.fakes.audit import FakeAudit
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeBundleStates, FakeSingleton
from tests.unit.peering.world import LUEBECK, NOW, RIGA, VISBY, Organisation

SOURCE = BundleSource.of_peer(VISBY, (PeeringAddress("peering.visby.example", 8444),))
WEB = BundleSource(VISBY, BundleProfile.HTTPS_WEB, ("https://visby.example/bundle",))


class Endpoint:
    """A bundle endpoint: what it answers, and what it was asked with."""

    def __init__(self) -> None:
        self.answer: bytes | Exception = b""
        self.asked: list[tuple[BundleSource, tuple[str, ...]]] = []

    async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
        self.asked.append((source, tuple(anchors)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    def __init__(self) -> None:
        self.now = NOW
        self.objects = FakeObjects(now=lambda: self.now)
        self.audit = FakeAudit()
        self.states = FakeBundleStates(now=lambda: self.now)
        self.endpoint = Endpoint()
        self.bundles = PartnerBundles(
            objects=self.objects,
            store=self.states,
            fetcher=self.endpoint,
            singleton=FakeSingleton(),
            audit=self.audit,
            own=LUEBECK,
            now=lambda: self.now,
        )

    async def hold(self, bundle: Bundle | None, state: AgreementState = AgreementState.TRUSTED) -> None:
        agreement = Agreement(VISBY, state)
        writes = [Write(Kind.AGREEMENT, agreement.key, agreement)]
        if bundle is not None:
            writes.append(Write(Kind.BUNDLE, bundle.key, bundle))
        await self.objects.write(writes, actor="op")

    async def fetch(self, answer: bytes | Exception, source: BundleSource = SOURCE) -> BundleState:
        """One round in which the bundle is due."""
        self.endpoint.answer = answer
        if not await self.states.all():
            await self.states.follow(source)
        await self.states.hurry(VISBY, spacing=0)
        await self.bundles.round()
        (state,) = await self.states.all()
        return state

    async def held(self) -> Bundle | None:
        stored = await self.objects.get(Kind.BUNDLE, VISBY)
        return stored.value if stored and isinstance(stored.value, Bundle) else None

    @property
    def alarms(self) -> list[str]:
        return [event.reason for event in self.audit.events if event.action == "bundle.alarm"]


@pytest.fixture(scope="module")
def visby() -> Organisation:
    return Organisation.new(VISBY)


@pytest.fixture(scope="module")
def riga() -> Organisation:
    return Organisation.new(RIGA)


@pytest.fixture
def world() -> World:
    return World()


def served(bundle: Bundle, *, hint: int = 300) -> bytes:
    return spiffe_bundle.encode(bundle, refresh_hint=hint)


async def test_an_unchanged_bundle_changes_nothing(world: World, visby: Organisation) -> None:
    await world.hold(visby.bundle)

    state = await world.fetch(served(visby.bundle, hint=120))

    assert (state.code, state.failures) == ("", 0)
    assert state.due_at == NOW + timedelta(seconds=120)
    assert world.endpoint.asked == [(SOURCE, visby.bundle.anchors)]
    assert world.objects.actors == ["op"]


async def test_a_bundle_that_is_asked_for_during_its_fetch_is_fetched_again_soon(
    world: World, visby: Organisation
) -> None:
    class Asking(Endpoint):
        async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
            world.now += timedelta(seconds=1)
            await world.bundles.refresh(VISBY)
            return await super().fetch(source, anchors)

    world.endpoint = Asking()
    world.bundles = replace(world.bundles, fetcher=world.endpoint)
    await world.hold(visby.bundle)

    state = await world.fetch(served(visby.bundle, hint=120))

    assert state.due_at == world.now + timedelta(seconds=SPACING)


async def test_a_bundle_with_a_new_anchor_beside_the_old_one_is_taken(
    world: World, visby: Organisation
) -> None:
    await world.hold(visby.bundle)
    both = Bundle(VISBY, (*visby.bundle.anchors, *Organisation.new(VISBY).bundle.anchors), sequence=2)

    state = await world.fetch(served(both))

    assert await world.held() == both
    assert state.code == ""
    assert world.objects.actors == ["op", "bundle endpoint of visby.example"]
    (event,) = world.audit.events
    assert (event.action, event.metadata["sequence"], event.metadata["code"]) == (
        "bundle.take",
        "2",
        "anchors_added",
    )


async def test_an_older_bundle_is_refused_and_alarmed_once(world: World, visby: Organisation) -> None:
    newer = replace(visby.bundle, sequence=9)
    await world.hold(newer)

    state = await world.fetch(served(visby.bundle))
    await world.fetch(served(visby.bundle))

    assert state.code == "sequence_rollback"
    assert await world.held() == newer
    assert world.alarms == ["sequence_rollback"]


async def test_an_empty_bundle_withdraws_trust_at_once_and_is_not_taken_back(
    world: World, visby: Organisation
) -> None:
    await world.hold(visby.bundle)
    empty = Bundle(VISBY, (), sequence=2)

    state = await world.fetch(served(empty))

    assert await world.held() == empty
    assert state.code == "trust_withdrawn"
    assert world.alarms == ["trust_withdrawn"]
    state = await world.fetch(served(replace(visby.bundle, sequence=3)))
    assert await world.held() == empty
    assert state.code == "anchors_replaced"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"<html>Welcome</html>", "not_a_bundle"),
        (b'{"keys":[]}', "bad_sequence"),
        (b'{"keys":[],"keys":[],"spiffe_sequence":9}', "duplicate_member"),
        (InvalidValueError("redirected", "expected an answer, got a redirect"), "redirected"),
        (InvalidValueError("untrusted_server", "another identity"), "untrusted_server"),
    ],
)
async def test_an_answer_that_is_refused_leaves_the_last_good_one(
    world: World, visby: Organisation, answer: bytes | Exception, code: str
) -> None:
    await world.hold(visby.bundle)

    state = await world.fetch(answer)

    assert state.code == code
    assert await world.held() == visby.bundle
    assert world.alarms == [code]
    assert (await world.fetch(served(visby.bundle))).code == ""


async def test_silence_is_alarmed_when_it_lasts_and_never_hammered(world: World, visby: Organisation) -> None:
    await world.hold(visby.bundle)

    states = [await world.fetch(UnavailableError("no answer")) for _ in range(4)]

    assert [state.failures for state in states] == [1, 2, 3, 4]
    assert {state.due_at for state in states} == {NOW + timedelta(seconds=300)}
    assert world.alarms == ["unavailable"]
    assert await world.held() == visby.bundle


async def test_replaced_anchors_wait_for_an_operator_who_may_approve_them(
    world: World, visby: Organisation
) -> None:
    await world.hold(visby.bundle)
    other = Bundle(VISBY, Organisation.new(VISBY).bundle.anchors, sequence=2)

    state = await world.fetch(served(other), WEB)
    assert (state.code, await world.held()) == ("anchors_replaced", visby.bundle)
    assert state.held

    approved = await world.bundles.approve(VISBY, actor="alice")

    assert approved == await world.held() == other
    (state,) = await world.bundles.states()
    assert (state.code, state.held) == ("", "")
    assert world.objects.actors[-1] == "alice"
    with pytest.raises(MissingError):
        await world.bundles.approve(VISBY, actor="alice")


async def test_a_held_bundle_that_was_overtaken_is_not_approved(world: World, visby: Organisation) -> None:
    await world.hold(visby.bundle)
    other = Bundle(VISBY, Organisation.new(VISBY).bundle.anchors, sequence=2)
    await world.fetch(served(other), WEB)
    await world.hold(replace(visby.bundle, sequence=7))

    with pytest.raises(InvalidValueError) as caught:
        await world.bundles.approve(VISBY, actor="alice")

    assert caught.value.code == "sequence_rollback"


@pytest.mark.parametrize("state", [AgreementState.REVOKED, AgreementState.UNTRUSTED])
async def test_nothing_is_fetched_from_those_whom_we_do_not_deal_with(
    world: World, visby: Organisation, state: AgreementState
) -> None:
    await world.hold(visby.bundle, state)

    followed = await world.fetch(served(replace(visby.bundle, sequence=9)))

    assert world.endpoint.asked == []
    assert followed.code == "not_followed"
    assert await world.held() == visby.bundle


async def test_what_is_due_before_a_join_is_written_is_fetched_soon_after(
    world: World, visby: Organisation
) -> None:
    early = await world.fetch(served(visby.bundle))
    await world.hold(visby.bundle, AgreementState.PENDING)
    world.now += timedelta(seconds=SPACING)
    await world.bundles.round()

    (state,) = await world.states.all()
    assert (early.code, world.alarms) == ("not_followed", [])
    assert (state.code, world.endpoint.asked) == ("", [(SOURCE, visby.bundle.anchors)])


async def test_a_bundle_that_an_operator_changes_meanwhile_is_looked_at_again(
    world: World, visby: Organisation
) -> None:
    await world.hold(visby.bundle)
    both = Bundle(VISBY, (*visby.bundle.anchors, *Organisation.new(VISBY).bundle.anchors), sequence=2)
    edited = replace(visby.bundle, crls=(), sequence=1)

    class Slow(Endpoint):
        async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
            await world.hold(replace(edited, sequence=1, anchors=both.anchors[1:]))
            return await super().fetch(source, anchors)

    slow = Slow()
    slow.answer = served(both)
    world.bundles = replace(world.bundles, fetcher=slow)
    await world.states.follow(SOURCE)

    await world.bundles.round()

    (state,) = await world.states.all()
    assert state.due_at == NOW + timedelta(seconds=1)
    held = await world.held()
    assert held is not None
    assert held.anchors == both.anchors[1:]


async def test_one_partners_defect_does_not_stop_the_others(
    world: World, visby: Organisation, riga: Organisation
) -> None:
    theirs = BundleSource.of_peer(riga.name, (PeeringAddress("peering.riga.example", 8444),))
    await world.hold(visby.bundle)
    agreement = Agreement(riga.name, AgreementState.TRUSTED)
    await world.objects.write(
        [
            Write(Kind.AGREEMENT, agreement.key, agreement),
            Write(Kind.BUNDLE, riga.bundle.key, riga.bundle),
        ],
        actor="op",
    )

    class Uneven(Endpoint):
        async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
            self.answer = served(replace(riga.bundle, sequence=3))
            if source.organisation == VISBY:
                self.answer = RuntimeError("a defect")
            return await super().fetch(source, anchors)

    world.bundles = replace(world.bundles, fetcher=Uneven())
    await world.states.follow(SOURCE)
    await world.states.follow(theirs)

    await world.bundles.round()

    stored = await world.objects.get(Kind.BUNDLE, riga.name)
    assert stored is not None
    assert stored.value == replace(riga.bundle, sequence=3)


async def test_our_own_bundle_is_not_followed(world: World) -> None:
    own = BundleSource.of_peer(LUEBECK, (PeeringAddress("peering.luebeck.example", 8444),))

    with pytest.raises(InvalidValueError) as caught:
        await world.bundles.follow(own, actor="op")

    assert caught.value.code == "own_organisation"


@pytest.mark.parametrize(
    "make",
    [
        lambda: BundleSource(VISBY, BundleProfile.HTTPS_SPIFFE, ("https://a.example/",)),
        lambda: BundleSource(VISBY, BundleProfile.HTTPS_WEB, ("https://a.example/",), SOURCE.spiffe_id),
        lambda: BundleSource(VISBY, BundleProfile.HTTPS_WEB, ()),
        *(
            lambda url=url: BundleSource(VISBY, BundleProfile.HTTPS_WEB, (url,))
            for url in (
                "http://a.example/",
                "https://user@a.example/",
                "https://a.example/?x=1",
                "https://a.example/#x",
                "https://A.example/",
                "https://a.example:0/",
                "https://a.example:70000/",
                "https://127.1/",
                "ftp://a.example/",
                "https:///x",
                "https://a.example/\n",
                "https://a.example/" + "a" * 3000,
            )
        ),
    ],
)
def test_a_source_that_is_not_plain_https_cannot_be_made(make: Callable[[], BundleSource]) -> None:
    with pytest.raises(InvalidValueError):
        make()
