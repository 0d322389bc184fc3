"""Heartbeats as they are heard: later ones are taken, all others refused, and strangers learn nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import Remark, View
from control_plane.peering import jws, transcript
from control_plane.peering.heartbeats import Hearing
from control_plane.peering.messages import Heartbeat
from control_plane.peering.options import Options
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.receiving import Caller
from control_plane.peering.record import Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.ports.objects import Write
from tests.fakes.audit import FakeAudit
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeBundleStates, FakePartners
from tests.unit.peering.world import CHANNEL, LUEBECK, NOW, VISBY, Organisation, expected

CALLER = Caller("198.51.100.7", CHANNEL)
PAUSED = View(AgreementState.TRUSTED, paused=True, since=1_772_373_720, sequence=3)


class World:
    def __init__(self, own: Organisation) -> None:
        self.now = NOW
        self.objects = FakeObjects()
        self.audit = FakeAudit()
        self.partners = FakePartners(FakeBundleStates(), now=lambda: self.now)
        self.unknown: list[TrustDomain] = []
        ourselves = Ourselves(
            options=Options(own=own.name),
            objects=self.objects,
            credentials=own.credentials,
            bundle=lambda: own.bundle,
            now=lambda: self.now,
        )
        self.hearing = Hearing(
            ourselves=ourselves,
            objects=self.objects,
            partners=self.partners,
            recorder=Recorder(self.audit, own=own.name, now=lambda: self.now),
            fetch_soon=self._unknown,
        )

    async def _unknown(self, organisation: TrustDomain) -> None:
        self.unknown.append(organisation)

    async def agree(self, partner: Organisation, state: AgreementState = AgreementState.TRUSTED) -> None:
        agreement = Agreement(partner.name, state)
        writes = [
            Write(Kind.AGREEMENT, agreement.key, agreement),
            Write(Kind.BUNDLE, partner.bundle.key, partner.bundle),
        ]
        await self.objects.write(writes, actor="op")

    async def refused(self, text: bytes, caller: Caller = CALLER) -> tuple[str, str]:
        """What the sender is told, and what our audit says."""
        with pytest.raises(RefusedError) as caught:
            await self.hearing.hear(text, caller)
        return caught.value.code, self.audit.events[-1].reason


@pytest.fixture
def world(luebeck: Organisation) -> World:
    return World(luebeck)


def beat(sender: Organisation, sequence: int = 1, view: View = PAUSED, *, bundle: int = 0) -> bytes:
    envelope = transcript.envelope(expected(sender.name, LUEBECK, purpose="heartbeat"), NOW)
    return sender.seal(Heartbeat(envelope, sequence, view, bundle))


@pytest.mark.parametrize("state", [AgreementState.PENDING, AgreementState.TRUSTED])
async def test_what_a_partner_thinks_of_us_is_visible(
    world: World, visby: Organisation, state: AgreementState
) -> None:
    await world.agree(visby, state)

    assert await world.hearing.hear(beat(visby), CALLER) == b""

    (view,) = await world.hearing.views()
    assert view.summary == "they paused us since 2026-03-01 14:02 UTC"
    assert (view.paused, view.sequence, view.stale) == (True, 3, False)


async def test_what_a_partner_finds_wrong_with_us_and_how_its_clock_goes_is_visible(
    world: World, visby: Organisation
) -> None:
    await world.agree(visby)
    remark = Remark("node_offline", "gw-1 does not answer us")
    world.now += timedelta(seconds=4)

    await world.hearing.hear(beat(visby, view=replace(PAUSED, remarks=(remark,))), CALLER)

    (view,) = await world.hearing.views()
    assert view.remarks == (remark,)
    assert view.clock_seconds == pytest.approx(-4, abs=1)


async def test_a_partner_that_falls_silent_is_stale(world: World, visby: Organisation) -> None:
    await world.agree(visby)
    await world.hearing.hear(beat(visby), CALLER)
    world.now += timedelta(seconds=31)

    (view,) = await world.hearing.views()

    assert view.stale


async def test_a_replayed_or_older_heartbeat_changes_nothing(world: World, visby: Organisation) -> None:
    await world.agree(visby)
    text = beat(visby, 7)
    await world.hearing.hear(text, CALLER)
    calm = View(AgreementState.TRUSTED, paused=False, since=0, sequence=3)

    assert await world.refused(text) == ("heartbeat_replayed", "heartbeat_replayed")
    assert await world.refused(beat(visby, 6, calm)) == ("heartbeat_replayed", "heartbeat_replayed")
    (view,) = await world.hearing.views()
    assert view.paused


async def test_a_revoked_partner_is_told_so_and_not_heard(world: World, visby: Organisation) -> None:
    await world.agree(visby, AgreementState.REVOKED)

    assert await world.refused(beat(visby)) == ("partner_revoked", "partner_revoked")
    assert await world.hearing.views() == []


async def test_strangers_cannot_tell_our_partners_from_others(
    world: World, visby: Organisation, riga: Organisation
) -> None:
    await world.agree(visby, AgreementState.REVOKED)
    impostor = replace(riga, name=VISBY)

    assert await world.refused(beat(riga)) == ("unknown_partner", "unknown_partner")
    assert await world.refused(beat(impostor)) == ("unknown_partner", "untrusted_chain")


async def test_a_partner_whose_chain_is_new_to_us_makes_us_look_for_its_bundle(
    world: World, visby: Organisation
) -> None:
    await world.agree(visby)
    rotated = Organisation.new(VISBY)

    assert await world.refused(beat(rotated)) == ("unknown_partner", "untrusted_chain")
    assert world.unknown == [VISBY]


async def test_a_heartbeat_for_somebody_else_or_another_connection_is_refused(
    world: World, visby: Organisation, luebeck: Organisation
) -> None:
    await world.agree(visby)
    envelope = transcript.envelope(expected(VISBY, VISBY, purpose="heartbeat"), NOW)

    assert await world.refused(visby.seal(Heartbeat(envelope, 1, PAUSED))) == ("crossed", "crossed")
    assert await world.refused(beat(visby), Caller("a", "00" * 32)) == ("wrong_channel", "wrong_channel")
    assert await world.refused(beat(luebeck)) == ("reflected", "reflected")


@pytest.mark.parametrize("sequence", [-1, 2**63, 10**19])
async def test_a_sequence_that_no_database_holds_is_refused(
    world: World, visby: Organisation, sequence: int
) -> None:
    await world.agree(visby)
    text = beat(visby, 1)
    payload = jws.read(text, Heartbeat.TYP).payload.replace(b'"sequence":1,', b'"sequence":%d,' % sequence, 1)
    forged = jws.seal(payload, Heartbeat.TYP, key=visby.key, chain=visby.chain)

    assert await world.refused(forged) == ("malformed_message", "malformed_message")


async def test_who_says_that_its_bundle_is_newer_is_asked_for_it_and_not_all_the_time(
    world: World, visby: Organisation
) -> None:
    await world.agree(visby)
    held = visby.bundle.sequence

    async def told(sequence: int, bundle: int) -> int:
        await world.hearing.hear(beat(visby, sequence, bundle=bundle), CALLER)
        return len(world.unknown)

    same = await told(1, held)
    newer = [await told(2, held + 1), await told(3, held + 1)]
    newest = await told(4, held + 2)
    world.now += timedelta(seconds=61)
    later = await told(5, held + 2)

    assert (same, newer, newest, later) == (0, [1, 1], 2, 3)
    assert set(world.unknown) == {visby.name}
