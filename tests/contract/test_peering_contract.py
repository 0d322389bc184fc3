"""What the stores of peering promise, whichever they are."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from control_plane.model.agreement import AgreementState
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.peering import BundleProfile, BundleSource, PeeringAddress, View
from control_plane.ports.errors import MissingError
from control_plane.ports.peering import BundleStates, Fetched, Found, Invitations, Partners, StoredInvitation
from control_plane.store.partners import PostgresBundleStates, PostgresPartners
from control_plane.store.peering import PostgresInvitations
from control_plane.store.pool import Pool
from tests.fakes.peering import FakeBundleStates, FakeInvitations, FakePartners

VISBY, RIGA = TrustDomain("visby.example"), TrustDomain("riga.example")
ADDRESSES = (PeeringAddress("peering.visby.example", 8444), PeeringAddress("2001:db8::1", 443))
SOURCE = BundleSource.of_peer(VISBY, ADDRESSES)
TRUSTED = View(AgreementState.TRUSTED, paused=False, since=100, sequence=7)


@dataclass(frozen=True, slots=True)
class Peering:
    invitations: Invitations
    partners: Partners
    states: BundleStates


@pytest.fixture
def fake() -> Peering:
    states = FakeBundleStates()
    return Peering(FakeInvitations(), FakePartners(states), states)


@pytest_asyncio.fixture
async def postgres(database_url: str) -> AsyncIterator[Peering]:
    async with Pool(database_url) as pool:
        yield Peering(PostgresInvitations(pool), PostgresPartners(pool), PostgresBundleStates(pool))


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
def peering(request: pytest.FixtureRequest) -> Peering:
    made: Peering = request.getfixturevalue(request.param)
    return made


def invitation(name: str = "a", organisation: TrustDomain = VISBY) -> StoredInvitation:
    return StoredInvitation(id=name, organisation=organisation, digest=f"d{name}", verifier=f"v{name}")


async def issue(peering: Peering, name: str = "a", *, seconds: int = 60, most: int = 4) -> bool:
    given = await peering.invitations.issue(invitation(name), seconds=seconds, actor="op", most=most)
    return given is not None


async def test_an_invitation_and_its_challenge_are_used_together_and_once(peering: Peering) -> None:
    await issue(peering)
    assert await peering.invitations.challenge("a", "n", seconds=60, most=8)

    first = await peering.invitations.redeem("a", "n")
    second = await peering.invitations.redeem("a", "n")

    assert first == (Found.GOOD, Found.GOOD)
    assert second == (Found.USED, Found.USED)


async def test_an_invitation_is_known_in_every_state(peering: Peering) -> None:
    await issue(peering, "good")
    await issue(peering, "old", seconds=0)
    await issue(peering, "used")
    await peering.invitations.challenge("used", "n", seconds=60, most=8)
    await peering.invitations.redeem("used", "n")

    states = {name: await peering.invitations.find(name) for name in ("good", "old", "used", "never")}

    assert states["good"] == invitation("good")
    assert states["old"] is not None
    assert states["old"].state is Found.EXPIRED
    assert states["used"] == StoredInvitation(
        id="used", organisation=VISBY, digest="", verifier="", state=Found.USED
    )
    assert states["never"] is None


async def test_nothing_is_used_up_by_an_attempt_that_fails(peering: Peering) -> None:
    await issue(peering, "a")
    await issue(peering, "b")
    await issue(peering, "old", seconds=0)
    await peering.invitations.challenge("a", "n", seconds=60, most=8)
    await peering.invitations.challenge("a", "late", seconds=0, most=8)
    await peering.invitations.challenge("old", "o", seconds=60, most=8)

    found = {
        "unknown challenge": await peering.invitations.redeem("a", "x"),
        "expired challenge": await peering.invitations.redeem("a", "late"),
        "another's challenge": await peering.invitations.redeem("b", "n"),
        "unknown invitation": await peering.invitations.redeem("x", "n"),
        "expired invitation": await peering.invitations.redeem("old", "o"),
    }

    assert found == {
        "unknown challenge": (Found.UNKNOWN, Found.GOOD),
        "expired challenge": (Found.EXPIRED, Found.GOOD),
        "another's challenge": (Found.OTHERS, Found.GOOD),
        "unknown invitation": (Found.OTHERS, Found.UNKNOWN),
        "expired invitation": (Found.GOOD, Found.EXPIRED),
    }
    assert await peering.invitations.redeem("a", "n") == (Found.GOOD, Found.GOOD)


async def test_open_invitations_and_challenges_are_bounded(peering: Peering) -> None:
    assert [await issue(peering, name, most=2) for name in "abc"] == [True, True, False]
    other = await peering.invitations.issue(invitation("d", RIGA), seconds=60, actor="op", most=2)
    many = [await peering.invitations.challenge("a", f"n{i}", seconds=60, most=3) for i in range(5)]

    assert other is not None
    assert many == [True, True, True, False, False]
    assert await peering.invitations.challenge("b", "m", seconds=60, most=3)


async def test_a_challenge_that_expired_makes_room(peering: Peering) -> None:
    await issue(peering)
    await peering.invitations.challenge("a", "old", seconds=0, most=1)

    assert await peering.invitations.challenge("a", "new", seconds=60, most=1)


async def test_open_invitations_are_listed_and_can_be_withdrawn(peering: Peering) -> None:
    await issue(peering, "late", seconds=600)
    await issue(peering, "soon", seconds=60)
    await issue(peering, "old", seconds=0)

    listed = await peering.invitations.open()
    withdrawn = [await peering.invitations.withdraw(name) for name in ("soon", "soon", "old", "never")]

    assert [(one.id, one.organisation, one.actor) for one in listed] == [
        ("soon", VISBY, "op"),
        ("late", VISBY, "op"),
    ]
    assert listed[0].expires_at < listed[1].expires_at
    assert withdrawn == [True, False, False, False]
    assert await peering.invitations.find("soon") is None


async def test_open_invitations_are_listed_in_parts(peering: Peering) -> None:
    for name in "dbca":
        await issue(peering, name, seconds=60 + ord(name))
    await peering.invitations.issue(invitation("other", RIGA), seconds=60, actor="op", most=4)

    names, after = [], None
    while part := await peering.invitations.open(organisation=VISBY, after=after, limit=2):
        names.append([one.id for one in part])
        after = part[-1].expires_at, part[-1].id

    assert names == [["a", "b"], ["c", "d"]]
    assert [one.id for one in await peering.invitations.open()] == ["other", "a", "b", "c", "d"]


async def test_partners_and_their_bundles_are_listed_in_parts(peering: Peering) -> None:
    for organisation in (VISBY, RIGA):
        source = BundleSource.of_peer(organisation, ADDRESSES)
        await peering.partners.introduce(organisation, ADDRESSES, source)

    partners = [await peering.partners.all(after=after, limit=1) for after in ("", RIGA, VISBY)]
    states = [await peering.states.all(after=after, limit=1) for after in ("", RIGA, VISBY)]

    assert [[one.organisation for one in part] for part in partners] == [[RIGA], [VISBY], []]
    assert [[one.source.organisation for one in part] for part in states] == [[RIGA], [VISBY], []]


async def test_a_partner_is_introduced_again_with_other_addresses(peering: Peering) -> None:
    await peering.partners.introduce(VISBY, ADDRESSES[:1], SOURCE)
    await peering.partners.introduce(VISBY, ADDRESSES, SOURCE)

    record = await peering.partners.get(VISBY)

    assert record is not None
    assert record.addresses == ADDRESSES
    assert (record.heard, record.heard_at, record.sent_at, record.send_error) == (None, None, None, "")
    assert [one.organisation for one in await peering.partners.all()] == [VISBY]
    assert await peering.partners.get(RIGA) is None
    assert [state.source for state in await peering.states.due()] == [SOURCE]


async def test_heartbeats_are_numbered_upwards_and_a_view_keeps_its_beginning(peering: Peering) -> None:
    await peering.partners.introduce(VISBY, ADDRESSES, SOURCE)
    paused = View(AgreementState.TRUSTED, paused=True, since=300, sequence=7)
    edited = View(AgreementState.TRUSTED, paused=True, since=400, sequence=8)

    numbers = [await peering.partners.number(VISBY, view) for view in (TRUSTED, paused, edited, TRUSTED)]

    assert [since for _, since in numbers] == [100, 300, 300, 100]
    sequences = [sequence for sequence, _ in numbers]
    assert sequences == sorted(set(sequences))
    assert sequences[0] > 1_700_000_000_000


async def test_a_partner_that_was_not_introduced_has_no_heartbeat(peering: Peering) -> None:
    with pytest.raises(MissingError):
        await peering.partners.number(VISBY, TRUSTED)


async def test_only_later_heartbeats_are_taken(peering: Peering) -> None:
    later = View(AgreementState.TRUSTED, paused=True, since=200, sequence=9, phase="announced")

    taken = [
        await peering.partners.heard(VISBY, 5, TRUSTED),
        await peering.partners.heard(VISBY, 5, later),
        await peering.partners.heard(VISBY, 4, later),
        await peering.partners.heard(VISBY, 6, later),
    ]

    assert taken == [True, False, False, True]
    record = await peering.partners.get(VISBY)
    assert record is not None
    assert record.heard == later
    assert record.heard_at is not None
    assert record.heard_at <= record.read_at


async def test_how_our_heartbeat_was_taken_is_remembered(peering: Peering) -> None:
    await peering.partners.introduce(VISBY, ADDRESSES, SOURCE)

    await peering.partners.sent(VISBY, "")
    good = await peering.partners.get(VISBY)
    await peering.partners.sent(VISBY, "unavailable: no answer")
    bad = await peering.partners.get(VISBY)

    assert good is not None
    assert bad is not None
    assert good.sent_at is not None
    assert bad.sent_at == good.sent_at
    assert (good.send_error, bad.send_error) == ("", "unavailable: no answer")


async def test_a_bundle_is_due_at_once_and_then_when_it_was_said(peering: Peering) -> None:
    source = BundleSource(RIGA, BundleProfile.HTTPS_WEB, ("https://riga.example/bundle",))
    await peering.states.follow(SOURCE)
    await peering.states.follow(source)

    await peering.states.fetched(VISBY, Fetched(code="", detail="", seconds=300))

    assert [state.source for state in await peering.states.due()] == [source]
    assert [state.source for state in await peering.states.all()] == [source, SOURCE]


async def test_what_became_of_fetches_is_remembered(peering: Peering) -> None:
    await peering.states.follow(SOURCE)

    await peering.states.fetched(VISBY, Fetched(code="held", detail="x", seconds=300, held="{}"))
    await peering.states.fetched(VISBY, Fetched(code="unavailable", detail="y", seconds=300, failed=True))
    await peering.states.fetched(VISBY, Fetched(code="unavailable", detail="z", seconds=300, failed=True))
    (failing,) = await peering.states.all()
    await peering.states.fetched(VISBY, Fetched(code="", detail="", seconds=300, held=""))
    (good,) = await peering.states.all()

    assert (failing.code, failing.detail, failing.failures, failing.held) == ("unavailable", "z", 2, "{}")
    assert (good.code, good.detail, good.failures, good.held) == ("", "", 0, "")
    assert good.fetched_at is not None


async def test_a_fetch_can_be_hurried_but_not_hammered(peering: Peering) -> None:
    await peering.states.follow(SOURCE)
    await peering.states.fetched(VISBY, Fetched(code="", detail="", seconds=300))

    await peering.states.hurry(VISBY, spacing=60)
    soon = await peering.states.due()
    await peering.states.hurry(VISBY, spacing=0)

    assert soon == []
    assert [state.source for state in await peering.states.due()] == [SOURCE]


@pytest.mark.parametrize(("hurried", "wait"), [(False, 300), (True, 60)])
async def test_a_fetch_that_is_asked_for_during_one_follows_it(
    peering: Peering, *, hurried: bool, wait: int
) -> None:
    await peering.states.follow(SOURCE)
    (begun,) = await peering.states.due()
    if hurried:
        await peering.states.hurry(VISBY, spacing=60)
    still_due = await peering.states.due()

    await peering.states.fetched(
        VISBY, Fetched(code="", detail="", seconds=300), due_at=begun.due_at, spacing=60
    )

    (state,) = await peering.states.all()
    assert [one.source for one in still_due] == [SOURCE]
    assert state.due_at is not None
    assert state.fetched_at is not None
    assert abs(state.due_at - state.fetched_at - timedelta(seconds=wait)) < timedelta(seconds=1)


async def test_an_endpoint_of_another_kind_keeps_its_identity(peering: Peering) -> None:
    spire = SpiffeId("spiffe://visby.example/spire/server")
    source = BundleSource(VISBY, BundleProfile.HTTPS_SPIFFE, ("https://spire.visby.example:8443/",), spire)

    await peering.states.follow(source)

    (state,) = await peering.states.all()
    assert state.source == source
