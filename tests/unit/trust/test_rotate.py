"""A change of anchors as it runs: what is gathered, what is written down, and who may disturb it."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.peering import View
from control_plane.model.problem import InvalidValueError
from control_plane.ports.certificates import Crossing, Issued
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Write
from control_plane.trust.authority import Authority
from control_plane.trust.rotate import Rotating
from control_plane.trust.rotation_facts import Sources
from control_plane.trust.takeover import phase_of
from tests.fakes.audit import FakeAudit
from tests.fakes.certificates import FakeIssued, FakeTraffic
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeBundleStates, FakePartners

asyncio.set_event_loop(None)  # pytest-asyncio makes one on the side when a test that is not async comes first

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LUEBECK, VISBY = TrustDomain("luebeck.example"), TrustDomain("visby.example")
GATEWAY = Gateway(
    ObjectId("gw-1"),
    SpiffeId("spiffe://luebeck.example/gateway/gw-1"),
    Endpoint("192.0.2.1", 8443),
    Endpoint("127.0.0.1", 8080),
)
LONGEST = timedelta(minutes=10)
IN = Crossing(VISBY, "ingress")


@dataclass
class World:
    """One organisation with one gateway and one partner."""

    directory: Path
    now: datetime = START
    objects: FakeObjects = field(default_factory=FakeObjects)
    partners: FakePartners = field(default_factory=lambda: FakePartners(FakeBundleStates()))
    issued: FakeIssued = field(default_factory=FakeIssued)
    traffic: FakeTraffic = field(default_factory=FakeTraffic)
    audit: FakeAudit = field(default_factory=FakeAudit)
    heartbeats: int = 0

    def __post_init__(self) -> None:
        self.authority = Authority.open(self.directory / "ca", LUEBECK, now=START)
        self.rotating = self.replica()

    def replica(self) -> Rotating:
        authority = Authority.open(self.directory / "ca", LUEBECK, now=START)
        sources = Sources(
            objects=self.objects,
            partners=self.partners,
            issued=self.issued,
            traffic=self.traffic,
            signer=authority.signer,
            longest=LONGEST,
        )
        return Rotating(
            own=LUEBECK, authority=authority, sources=sources, audit=self.audit, clock=lambda: self.now
        )

    async def begin(self) -> None:
        agreement = Agreement(VISBY, AgreementState.TRUSTED)
        writes = [Write(Kind.GATEWAY, "gw-1", GATEWAY), Write(Kind.AGREEMENT, agreement.key, agreement)]
        await self.objects.write(writes, actor="ada")
        await self.renew()

    async def renew(self) -> None:
        """The gateway gets a certificate of whoever signs now."""
        signer = self.authority.signer(GATEWAY.spiffe_id)
        noted = Issued(gateway="gw-1", serial="01", not_before=START, not_after=START, signer=signer)
        await self.issued.note(noted)

    async def hear(self, phase: str = "") -> None:
        """The partner's heartbeat says that it holds our present bundle."""
        self.heartbeats += 1
        sequence = self.authority.bundle().sequence
        view = View(AgreementState.TRUSTED, paused=False, since=0, sequence=sequence, phase=phase)
        await self.partners.heard(VISBY, self.heartbeats, view)

    async def phase(self) -> str:
        await self.rotating.step()
        return (await self.rotating.show()).phase

    async def to_switch(self) -> None:
        await self.rotating.start(actor="ada")
        await self.renew()
        await self.hear(phase_of(self.authority.bundle().sequence))
        assert [await self.phase() for _ in range(3)] == ["acknowledged", "taken_over", "switched"]

    def actions(self) -> list[str]:
        return [event.action for event in self.audit.events]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    await made.begin()
    return made


async def test_heartbeats_gateways_and_traffic_carry_it_from_start_to_end(world: World) -> None:
    old = world.authority.anchors()
    await world.rotating.start(actor="ada")

    assert await world.phase() == "announced"
    await world.hear()
    assert [await world.phase(), await world.phase()] == ["acknowledged", "acknowledged"]
    await world.hear(phase_of(world.authority.bundle().sequence))
    assert await world.phase() == "acknowledged"  # our own gateway lacks the second anchor
    await world.renew()
    world.traffic.requests.append((world.now - timedelta(minutes=1), IN))
    assert [await world.phase(), await world.phase()] == ["taken_over", "switched"]
    await world.renew()
    assert await world.phase() == "switched"
    world.traffic.requests.append((world.now + LONGEST / 2, IN))  # perhaps on an old connection
    world.now += LONGEST + timedelta(minutes=1)
    assert await world.phase() == "switched"
    world.traffic.requests.append((world.now - timedelta(seconds=1), IN))
    assert [await world.phase(), await world.phase()] == ["proven", ""]

    assert len(world.authority.anchors()) == 1
    assert world.authority.anchors() != old
    steps = ["announced", "acknowledged", "taken_over", "switched", "proven", "finished"]
    assert world.actions() == [f"rotation.{step}" for step in steps]
    assert world.audit.events[0].principal == "ada"


async def test_what_it_waits_for_is_shown(world: World) -> None:
    await world.rotating.start(actor="ada")

    view = await world.rotating.show()

    assert [one.name for one in view.waiting] == ["visby.example"]
    assert "no word yet" in view.waiting[0].reason
    assert (view.started_by, len(view.anchors)) == ("ada", 2)


async def test_an_operators_word_replaces_a_partners_and_is_audited(world: World) -> None:
    await world.rotating.start(actor="ada")

    await world.rotating.confirm("visby.example", actor="grace")

    assert await world.phase() == "acknowledged"
    event = next(event for event in world.audit.events if event.action == "rotation.confirm")
    assert (event.principal, event.resource) == ("grace", "visby.example")


async def test_a_restart_goes_on_where_it_was(world: World) -> None:
    await world.to_switch()

    world.rotating = world.replica()

    assert (await world.rotating.show()).phase == "switched"
    await world.renew()
    assert await world.phase() == "switched"
    assert await world.phase() == "proven"


async def test_two_replicas_take_each_step_once(world: World) -> None:
    other = world.replica()
    await world.rotating.start(actor="ada")
    await world.hear()

    outcomes = await asyncio.gather(world.rotating.step(), other.step(), return_exceptions=True)

    refused = [one for one in outcomes if one is not None]
    assert all(isinstance(one, InvalidValueError) and one.code == "changed_meanwhile" for one in refused)
    assert (await other.show()).phase == (await world.rotating.show()).phase == "acknowledged"


async def test_an_abort_after_the_switch_waits_for_our_gateways(world: World) -> None:
    before = world.authority.anchors()
    await world.to_switch()
    await world.renew()

    await world.rotating.abort(actor="ada")

    assert await world.phase() == "aborting"
    assert len(world.authority.anchors()) == 2
    await world.renew()
    assert await world.phase() == ""
    assert world.authority.anchors() == before
    assert world.actions()[-1] == "rotation.aborted"


async def test_without_the_audit_nothing_changes(world: World) -> None:
    before = world.authority.bundle()
    world.audit.down = True

    with pytest.raises(UnavailableError):
        await world.rotating.start(actor="ada")

    assert world.authority.bundle() == before


async def test_pending_and_revoked_partners_are_not_waited_for(world: World) -> None:
    revoked = Agreement(VISBY, AgreementState.REVOKED)
    await world.objects.write([Write(Kind.AGREEMENT, revoked.key, revoked)], actor="ada")
    await world.rotating.start(actor="ada")

    assert await world.phase() == "acknowledged"
