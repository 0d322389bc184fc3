"""Questions about the audit are answered only to trusted partners, only about the pair, and within limits."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.chain.reconcile import Parts, Question, Whole
from control_plane.chain.record_set import Print, RecordSet, gathered
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.model.reconciliation import FIELDS
from control_plane.peering import jws, messages, shelf, transcript
from control_plane.peering.answering import Answering
from control_plane.peering.audit_channel import AuditChannel
from control_plane.peering.audit_messages import AUDIT_PURPOSE, AuditAnswer, AuditQuestion, Told, interval_of
from control_plane.peering.audit_messages import microseconds as us
from control_plane.peering.client import Outward
from control_plane.peering.options import Options
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.receiving import Caller
from control_plane.peering.record import Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.shelf import SLOTS, Shelf, Wanted
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.objects import Write
from control_plane.ports.reconciliation import ReadSoFar
from tests.fakes.audit import FakeAudit
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeBundleStates, FakePartners
from tests.fakes.reconciliation import FakeCrossings
from tests.fakes.values import audit_event
from tests.unit.peering.world import CHANNEL, LUEBECK, NOW, VISBY, Organisation, expected

CALLER = Caller("198.51.100.7", CHANNEL)
KEY = "ab" * 32


class World:
    """Luebeck answers."""

    def __init__(self, own: Organisation) -> None:
        self.objects = FakeObjects()
        self.audit = FakeAudit()
        ourselves = Ourselves(
            options=Options(own=own.name),
            objects=self.objects,
            credentials=own.credentials,
            bundle=lambda: own.bundle,
            now=lambda: NOW,
        )
        channel = AuditChannel(
            ourselves=ourselves,
            objects=self.objects,
            partners=FakePartners(FakeBundleStates(), now=lambda: NOW),
            outward=Outward(AddressPolicy.of(())),
        )
        recorder = Recorder(self.audit, own=own.name, now=lambda: NOW)
        self.answering = Answering(channel=channel, crossings=FakeCrossings(self.audit), recorder=recorder)

    async def agree(self, partner: Organisation, state: AgreementState = AgreementState.TRUSTED) -> None:
        agreement = Agreement(partner.name, state)
        writes = [
            Write(Kind.AGREEMENT, agreement.key, agreement),
            Write(Kind.BUNDLE, partner.bundle.key, partner.bundle),
        ]
        await self.objects.write(writes, actor="op")

    async def answer(self, sender: Organisation, question: AuditQuestion) -> AuditAnswer:
        text = await self.answering.answer(sender.seal(question), CALLER)
        return messages.read(AuditAnswer, jws.read(text, AuditAnswer.TYP).payload)

    async def refused(self, sender: Organisation, question: AuditQuestion) -> str:
        with pytest.raises(RefusedError) as caught:
            await self.answer(sender, question)
        return caught.value.code


@pytest.fixture
def world(luebeck: Organisation) -> World:
    return World(luebeck)


def question(**changes: object) -> AuditQuestion:
    """Visby asks for the whole last hour."""
    claims = transcript.envelope(expected(VISBY, LUEBECK, purpose=AUDIT_PURPOSE), NOW)
    asked = AuditQuestion(
        envelope=claims,
        since=us(NOW - timedelta(hours=1)),
        until=us(NOW),
        key=KEY,
        fields=FIELDS,
        ask="whole",
    )
    return replace(asked, **changes)  # type: ignore[arg-type]  # the names are checked by replace


def row(number: int, organisation: TrustDomain = VISBY) -> AuditEvent:
    return audit_event(number, timestamp=NOW - timedelta(minutes=number), principal_org=str(organisation))


async def test_a_partner_is_told_about_the_pair_and_nothing_else(world: World, visby: Organisation) -> None:
    await world.agree(visby)
    await world.audit.append([row(1), row(2), row(3, TrustDomain("riga.example"))])
    ids = tuple(f"correlation-{number}" for number in (1, 2, 3))

    whole = (await world.answer(visby, question())).answer(Whole())
    told = (await world.answer(visby, question(ask="known", names=ids))).told

    assert isinstance(whole, Print)
    assert whole.size == 2
    assert [one.correlation_id for one in told] == ["correlation-2", "correlation-1"]


@pytest.mark.parametrize("state", [AgreementState.PENDING, AgreementState.REVOKED, AgreementState.UNTRUSTED])
async def test_nobody_but_a_trusted_partner_is_answered(
    world: World, visby: Organisation, riga: Organisation, state: AgreementState
) -> None:
    await world.agree(visby, state)

    assert await world.refused(visby, question()) in {"unknown_partner", "partner_revoked"}
    assert await world.refused(riga, question()) in {"unknown_partner", "partner_revoked", "untrusted_chain"}


async def test_a_message_for_another_purpose_or_connection_is_refused(
    world: World, visby: Organisation
) -> None:
    await world.agree(visby)
    other = transcript.envelope(expected(VISBY, LUEBECK, purpose="heartbeat"), NOW)

    assert await world.refused(visby, question(envelope=other)) == "wrong_purpose"
    assert await world.refused(visby, question(envelope=replace(question().envelope, channel="00" * 32))) == (
        "wrong_channel"
    )


BAD: dict[str, dict[str, object]] = {
    "no time": {"since": us(NOW), "until": us(NOW)},
    "a time before all": {"since": -1},
    "a time after all": {"until": 1 << 60},
    "a short key": {"key": "ab"},
    "a key that is none": {"key": "zz" * 32},
    "no fields": {"fields": ()},
    "fields in another order": {"fields": FIELDS[::-1]},
    "a field twice": {"fields": (FIELDS[0], FIELDS[0])},
    "an unknown field": {"fields": ("secret",)},
    "parts of nothing": {"ask": "parts"},
    "too many parts": {"ask": "parts", "names": ("00",) * 25},
    "too many ranges": {"ask": "items", "names": ("00",) * 5000},
    "a range that is too deep": {"ask": "parts", "names": ("0000000000",)},
    "a range that is no hex": {"ask": "items", "names": ("0g",)},
    "a whole with names": {"ask": "whole", "names": ("00",)},
    "too many hashes": {"ask": "names", "names": ("00" * 16,) * 501},
    "a short hash": {"ask": "names", "names": ("00",)},
    "too many ids": {"ask": "known", "names": tuple(str(number) for number in range(33))},
    "no ids": {"ask": "known"},
}


@pytest.mark.parametrize("what", BAD)
async def test_a_question_beyond_its_limits_is_refused(world: World, visby: Organisation, what: str) -> None:
    await world.agree(visby)

    changes = {name: value for name, value in BAD[what].items() if name != "fields"}
    if "fields" in BAD[what]:
        changes["fields"] = BAD[what]["fields"]
    assert await world.refused(visby, question(**changes)) == "malformed_message"


async def test_who_waits_for_rows_is_told_how_many_were_read(
    world: World, visby: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.agree(visby)
    go = asyncio.Event()

    async def read(_: Wanted, progress: ReadSoFar) -> RecordSet:
        progress(25_000, NOW)
        await go.wait()
        return gathered(())

    monkeypatch.setattr(shelf, "PATIENCE", 0.0)
    object.__setattr__(world.answering, "shelf", Shelf(read))
    first = await world.answer(visby, question())
    await asyncio.sleep(0)
    second = await world.answer(visby, question())
    go.set()
    await asyncio.sleep(0)
    third = await world.answer(visby, question())

    assert [one.ready for one in (first, second, third)] == [False, False, True]
    assert [one.read for one in (second, third)] == [25_000, 0]
    assert [replace(second, names=(what,)).read for what in ("", "-1", "a", "9" * 19, "²")] == [0] * 5
    assert replace(second, names=()).read == 0


async def test_comparisons_at_once_and_a_minute_are_bounded(world: World) -> None:
    kept = world.answering.shelf
    interval = question().interval

    async def get(name: str, number: int = 0) -> None:
        await kept.get(Wanted(TrustDomain(f"{name}.example"), interval, bytes((number,)) * 32, FIELDS))

    for number in range(SLOTS):
        await get(f"p{number}")
    with pytest.raises(RefusedError, match="at once"):
        await get("another")
    with pytest.raises(RefusedError, match="a minute"):
        await asyncio.wait_for(_often(get), 10)
    kept.close()


async def _often(get: Callable[[str, int], Awaitable[None]]) -> None:
    for number in range(100):
        await get("p0", number)


@pytest.mark.parametrize(
    ("asked", "packed"),
    [
        (Whole(), ()),
        (Whole(), (b64encode(bytes(39)).decode(),)),
        (Whole(), ("?",)),
        (Parts((b"",)), (b64encode(bytes(40)).decode(),)),
    ],
)
def test_an_answer_of_another_form_is_refused(asked: Question, packed: tuple[str, ...]) -> None:
    answer = AuditAnswer(envelope=question().envelope, question="", fields=FIELDS, packed=packed)

    with pytest.raises(RefusedError, match="expected"):
        answer.answer(asked)


def test_what_is_told_must_be_whole() -> None:
    good = Told("c", us(NOW), dict.fromkeys(FIELDS, "=x"))

    assert good.crossing().timestamp == NOW
    for bad in (replace(good, at=-1), replace(good, values={})):
        with pytest.raises(RefusedError, match="every field"):
            bad.crossing()
    with pytest.raises(InvalidValueError, match="two times"):
        interval_of(NOW, NOW)
