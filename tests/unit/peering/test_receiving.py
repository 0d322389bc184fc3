"""The inviter's side of a join: one goes through, every other is refused with its own code, and audited."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import EventType
from control_plane.model.change import Kind
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.peering import PeeringAddress, control_plane_id
from control_plane.model.problem import InvalidValueError
from control_plane.peering import jws, messages, proof, token, transcript
from control_plane.peering.agreeing import Agreeing
from control_plane.peering.inviting import Inviter
from control_plane.peering.messages import Accepted, Announced, Ask, Challenge, Join
from control_plane.peering.options import Options
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.receiving import Caller, Receiving
from control_plane.peering.record import Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.token import Token
from control_plane.ports.errors import MissingError
from control_plane.ports.objects import Write
from tests.fakes.audit import FakeAudit
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeBundleStates, FakeInvitations, FakePartners
from tests.unit.peering.world import CHANNEL, LUEBECK, NOW, RIGA, VISBY, Organisation, expected

CALLER = Caller("198.51.100.7", CHANNEL)
ADDRESS = PeeringAddress("peering.luebeck.example", 8444)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Side:
    """Lübeck's control plane, which invites."""

    organisation: Organisation
    options: Options = field(default_factory=lambda: Options(own=LUEBECK, addresses=(ADDRESS,)))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.objects = FakeObjects(now=self.clock)
        self.audit = FakeAudit()
        self.invitations = FakeInvitations(now=self.clock)
        self.partners = FakePartners(FakeBundleStates(now=self.clock), now=self.clock)
        ourselves = Ourselves(
            options=self.options,
            objects=self.objects,
            credentials=self.organisation.credentials,
            bundle=lambda: self.organisation.bundle,
            now=self.clock,
        )
        agreeing = Agreeing(options=self.options, objects=self.objects, partners=self.partners)
        recorder = Recorder(self.audit, own=LUEBECK, now=self.clock)
        self.inviter = Inviter(
            ourselves=ourselves, agreeing=agreeing, invitations=self.invitations, recorder=recorder
        )
        self.receiving = Receiving(
            ourselves=ourselves, agreeing=agreeing, invitations=self.invitations, recorder=recorder
        )

    async def invite(self, organisation: TrustDomain = VISBY) -> str:
        made = await self.inviter.invite(organisation, now=self.clock(), lifetime=3600, actor="op")
        return made.token

    async def decide(self, state: AgreementState, organisation: TrustDomain = VISBY) -> None:
        write = Write(Kind.AGREEMENT, organisation, Agreement(organisation, state))
        await self.objects.write([write], actor="op")

    async def agreement(self, organisation: TrustDomain = VISBY) -> Agreement | None:
        stored = await self.objects.get(Kind.AGREEMENT, organisation)
        return stored.value if stored and isinstance(stored.value, Agreement) else None

    @property
    def refusals(self) -> list[tuple[str, str, str]]:
        return [(e.action, e.reason, e.resource) for e in self.audit.events if e.decision == "denied"]


@pytest.fixture
def side(luebeck: Organisation) -> Side:
    return Side(luebeck)


async def ask(side: Side, text: str, organisation: TrustDomain = VISBY, **changes: str) -> Challenge:
    question = replace(Ask(token.parse(text).id, organisation, "n" * 43), **changes)  # type: ignore[arg-type]  # texts
    answer = await side.receiving.challenge(messages.write(question), CALLER)
    return messages.read(Challenge, jws.read(answer, Challenge.TYP).payload)


def answer_to(
    challenge: str,
    text: str,
    joiner: Organisation,
    *,
    change: Callable[[Join], Join] = lambda join: join,
    by: Organisation | None = None,
) -> bytes:
    """The joiner's message with a good proof over whatever it says."""
    given = token.parse(text)
    join = Join(
        envelope=transcript.envelope(expected(joiner.name, LUEBECK), NOW),
        invitation=given.id,
        token=token.digest(text),
        challenge=challenge,
        nonce="m" * 43,
        introduction=joiner.introduction,
    )
    join = change(join)
    key, signature = proof.prove(given.secret, transcript.proof_transcript(join))
    return (by or joiner).seal(replace(join, proof_key=key, proof=signature))


async def refused(side: Side, text: bytes, caller: Caller = CALLER) -> str:
    with pytest.raises(RefusedError) as caught:
        await side.receiving.join(text, caller)
    code = caught.value.code
    assert side.refusals[-1][:2] == ("peering.join", code)
    return code


async def test_a_join_makes_a_pending_agreement_on_the_inviters_side(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    challenge = await ask(side, text)
    nodes = (
        Announced(ObjectId("1"), SpiffeId("spiffe://visby.example/gateway/1"), (Endpoint("8.8.8.8", 8443),)),
    )

    sent = answer_to(
        challenge.nonce,
        text,
        visby,
        change=lambda join: replace(join, introduction=replace(join.introduction, nodes=nodes)),
    )
    answer = await side.receiving.join(sent, CALLER)

    sealed = jws.read(answer, Accepted.TYP)
    jws.check_signature(sealed)
    accepted = messages.read(Accepted, sealed.payload)
    assert accepted.state is AgreementState.PENDING
    assert accepted.join == transcript.message_digest(sent)
    assert accepted.introduction.bundle == side.organisation.introduction.bundle
    assert await side.agreement() == Agreement(VISBY, AgreementState.PENDING)
    bundle = await side.objects.get(Kind.BUNDLE, VISBY)
    assert bundle is not None
    assert bundle.value == visby.bundle
    node = await side.objects.get(Kind.NODE, "1@visby.example")
    assert node is not None
    assert isinstance(node.value, Node)
    record = await side.partners.get(VISBY)
    assert record is not None
    assert record.addresses == visby.introduction.addresses
    taken = [event for event in side.audit.events if event.action == "peering.join"]
    assert [(e.event_type, e.decision, e.resource) for e in taken] == [
        (EventType.CROSS_ORG_AUTHORIZATION, "allowed", VISBY)
    ]


async def test_a_challenge_is_the_inviters_and_for_this_joiner(side: Side) -> None:
    challenge = await ask(side, await side.invite())

    assert challenge.answers == "n" * 43
    transcript.check(challenge.envelope, expected(LUEBECK, VISBY), now=NOW)
    assert len(challenge.nonce) == 43


async def test_an_organisation_that_was_approved_in_advance_is_trusted_at_once(
    luebeck: Organisation, visby: Organisation
) -> None:
    side = Side(luebeck, Options(own=LUEBECK, addresses=(ADDRESS,), automatic=frozenset({VISBY})))
    text = await side.invite()

    await side.receiving.join(answer_to((await ask(side, text)).nonce, text, visby), CALLER)

    assert await side.agreement() == Agreement(VISBY, AgreementState.TRUSTED)


async def test_a_join_that_is_sent_again_is_a_replay(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    sent = answer_to((await ask(side, text)).nonce, text, visby)
    await side.receiving.join(sent, CALLER)

    assert await refused(side, sent) == "challenge_replayed"


async def test_a_token_that_was_used_is_refused(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    first, second = (await ask(side, text)).nonce, (await ask(side, text)).nonce
    await side.receiving.join(answer_to(first, text, visby), CALLER)

    assert await refused(side, answer_to(second, text, visby)) == "used_token"
    with pytest.raises(RefusedError) as caught:
        await ask(side, text)
    assert caught.value.code == "used_token"


async def test_a_challenge_that_expired_is_refused(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    challenge = await ask(side, text)
    side.clock.now += timedelta(seconds=60)

    assert await refused(side, answer_to(challenge.nonce, text, visby)) == "challenge_expired"


async def test_a_token_that_expired_is_refused(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    side.clock.now += timedelta(seconds=3570)
    challenge = await ask(side, text)
    side.clock.now += timedelta(seconds=30)
    sent = answer_to(
        challenge.nonce,
        text,
        visby,
        change=lambda join: replace(
            join, envelope=transcript.envelope(expected(VISBY, LUEBECK), side.clock.now)
        ),
    )

    assert await refused(side, sent) == "expired_token"
    with pytest.raises(RefusedError) as caught:
        await ask(side, text)
    assert caught.value.code == "expired_token"


async def test_a_challenge_that_was_never_given_is_refused(side: Side, visby: Organisation) -> None:
    text = await side.invite()

    assert await refused(side, answer_to("x" * 43, text, visby)) == "challenge_unknown"


async def test_another_invitations_challenge_is_refused(side: Side, visby: Organisation) -> None:
    first, second = await side.invite(), await side.invite()
    challenge = await ask(side, second)

    assert await refused(side, answer_to(challenge.nonce, first, visby)) == "challenge_crossed"


async def test_another_partners_challenge_is_refused(
    side: Side, visby: Organisation, riga: Organisation
) -> None:
    ours, theirs = await side.invite(VISBY), await side.invite(RIGA)
    challenge = await ask(side, theirs, RIGA)

    assert await refused(side, answer_to(challenge.nonce, ours, visby)) == "challenge_crossed"
    assert await refused(side, answer_to(challenge.nonce, ours, riga)) == "wrong_organisation"


async def test_an_invitation_serves_only_the_organisation_that_was_invited(
    side: Side, riga: Organisation
) -> None:
    text = await side.invite(VISBY)
    challenge = await ask(side, text)

    assert await refused(side, answer_to(challenge.nonce, text, riga)) == "wrong_organisation"
    with pytest.raises(RefusedError) as caught:
        await ask(side, text, RIGA)
    assert caught.value.code == "wrong_organisation"


async def test_a_token_that_nobody_issued_is_refused(side: Side, visby: Organisation) -> None:
    given = token.parse(await side.invite())
    invented = token.render(replace(given, id="f" * 32))

    assert await refused(side, answer_to("x" * 43, invented, visby)) == "unknown_token"


async def test_knowing_the_tokens_name_without_its_secret_proves_nothing(
    side: Side, visby: Organisation
) -> None:
    text = await side.invite()
    challenge = await ask(side, text)
    guessed = token.render(replace(token.parse(text), secret=bytes(32)))

    assert await refused(side, answer_to(challenge.nonce, guessed, visby)) == "bad_proof"


@pytest.mark.parametrize(
    "tamper",
    [
        lambda given: replace(given, until=given.until + 1),
        lambda given: replace(given, addresses=(PeeringAddress("evil.example", 443),)),
    ],
)
async def test_a_token_that_was_altered_on_its_way_is_noticed(
    side: Side, visby: Organisation, tamper: Callable[[Token], Token]
) -> None:
    text = await side.invite()
    challenge = await ask(side, text)
    altered = token.render(tamper(token.parse(text)))

    assert await refused(side, answer_to(challenge.nonce, altered, visby)) == "tampered_token"
    assert await side.agreement() is None


async def test_a_message_of_our_own_sent_back_is_refused(side: Side, luebeck: Organisation) -> None:
    text = await side.invite()
    challenge = await ask(side, text)

    assert await refused(side, answer_to(challenge.nonce, text, luebeck)) == "reflected"


async def test_a_challenge_of_ours_is_no_answer_to_itself(side: Side) -> None:
    text = await side.invite()
    question = messages.write(Ask(token.parse(text).id, VISBY, "n" * 43))
    given = await side.receiving.challenge(question, CALLER)

    assert await refused(side, given) == "wrong_type"


@pytest.mark.parametrize(
    ("claim", "value", "code"),
    [
        ("aud", control_plane_id(RIGA), "crossed"),
        ("receiver", RIGA, "crossed"),
        ("channel", "cd" * 32, "wrong_channel"),
        ("purpose", "heartbeat", "wrong_purpose"),
        ("exp", int(NOW.timestamp()) + 3600, "message_lives_too_long"),
        ("iat", 0, "message_lives_too_long"),
        ("iss", control_plane_id(RIGA), "wrong_identity"),
    ],
)
async def test_a_join_that_was_made_for_something_else_is_refused(
    side: Side, visby: Organisation, claim: str, value: object, code: str
) -> None:
    text = await side.invite()
    challenge = await ask(side, text)

    def change(join: Join) -> Join:
        return replace(join, envelope=replace(join.envelope, **{claim: value}))  # type: ignore[arg-type]  # its type

    assert await refused(side, answer_to(challenge.nonce, text, visby, change=change)) == code


async def test_a_join_relayed_over_another_connection_is_refused(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    sent = answer_to((await ask(side, text)).nonce, text, visby)

    assert await refused(side, sent, Caller(CALLER.peer, "ef" * 32)) == "wrong_channel"


async def test_a_certificate_that_the_introduced_bundle_does_not_verify_is_refused(
    side: Side, visby: Organisation, riga: Organisation
) -> None:
    text = await side.invite()
    challenge = await ask(side, text)

    assert await refused(side, answer_to(challenge.nonce, text, visby, by=riga)) == "untrusted_chain"


async def test_a_tampered_join_uses_nothing_up(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    sent = answer_to((await ask(side, text)).nonce, text, visby)

    assert await refused(side, sent[:-10] + b"A" * 10) in {"bad_signature", "malformed_message"}
    await side.receiving.join(sent, CALLER)

    assert await side.agreement() == Agreement(VISBY, AgreementState.PENDING)


async def test_a_revoked_partner_gets_no_challenge_and_no_join(side: Side, visby: Organisation) -> None:
    text, other = await side.invite(), await side.invite()
    first, second = (await ask(side, text)).nonce, (await ask(side, other)).nonce
    await side.receiving.join(answer_to(first, text, visby), CALLER)
    await side.decide(AgreementState.REVOKED)

    with pytest.raises(RefusedError) as open_one:
        await ask(side, other)
    with pytest.raises(RefusedError) as used_one:
        await ask(side, text)
    with pytest.raises(InvalidValueError) as invited:
        await side.invite()

    assert await refused(side, answer_to(second, other, visby)) == "partner_revoked"
    codes = (open_one.value.code, used_one.value.code, invited.value.code)
    assert codes == ("partner_revoked", "partner_revoked", "partner_revoked")
    assert await side.agreement() == Agreement(VISBY, AgreementState.REVOKED)


async def test_a_trusted_partner_cannot_swap_its_anchors_by_joining_again(
    side: Side, visby: Organisation
) -> None:
    text = await side.invite()
    challenge = await ask(side, text)
    await side.decide(AgreementState.TRUSTED)

    assert await refused(side, answer_to(challenge.nonce, text, visby)) == "already_trusted"


async def test_open_challenges_are_bounded(side: Side) -> None:
    text = await side.invite()
    for _ in range(8):
        await ask(side, text)

    with pytest.raises(RefusedError) as caught:
        await ask(side, text)

    assert caught.value.code == "too_many_challenges"


@pytest.mark.parametrize("nonce", ["", "n", "n" * 44, "n" * 42 + "=", "n" * 42 + "\n"])
async def test_a_question_without_a_proper_nonce_is_refused(side: Side, nonce: str) -> None:
    text = await side.invite()

    with pytest.raises(RefusedError) as caught:
        await ask(side, text, nonce=nonce)

    assert caught.value.code == "malformed_message"


@pytest.mark.parametrize("name", ["", "f" * 31, "F" * 32, "f" * 31 + "\0", "f" * 32 + "\n"])
async def test_a_question_without_a_proper_invitation_is_refused(side: Side, name: str) -> None:
    text = await side.invite()

    with pytest.raises(RefusedError) as caught:
        await ask(side, text, invitation=name)

    assert caught.value.code == "malformed_message"


async def test_open_invitations_are_bounded(side: Side) -> None:
    for _ in range(4):
        await side.invite()

    with pytest.raises(RefusedError) as caught:
        await side.invite()

    assert caught.value.code == "too_many_invitations"


@pytest.mark.parametrize("lifetime", [0, 59, 604_801, float("nan"), float("inf")])
async def test_an_invitation_lives_neither_too_short_nor_too_long(side: Side, lifetime: float) -> None:
    with pytest.raises(InvalidValueError) as caught:
        await side.inviter.invite(VISBY, now=NOW, lifetime=lifetime, actor="op")

    assert caught.value.code == "bad_lifetime"


async def test_nobody_is_invited_to_where_nobody_listens(luebeck: Organisation) -> None:
    side = Side(luebeck, Options(own=LUEBECK))

    with pytest.raises(InvalidValueError) as caught:
        await side.invite()

    assert caught.value.code == "no_peering_address"


async def test_an_invitation_is_audited_before_it_exists(side: Side) -> None:
    side.audit.down = True

    with pytest.raises(Exception, match="down"):
        await side.invite()

    side.audit.down = False
    await side.invite()
    assert [(event.action, event.principal) for event in side.audit.events] == [("peering.invite", "op")]


async def test_neither_token_nor_secret_is_stored_or_audited(side: Side) -> None:
    text = await side.invite()
    given = token.parse(text)

    kept = repr(vars(side.invitations)) + repr(side.audit.events)

    assert text not in kept
    assert given.secret.hex() not in kept
    assert repr(given.secret) not in kept
    assert given.id in kept


async def test_a_token_that_went_astray_can_be_withdrawn(side: Side, visby: Organisation) -> None:
    text = await side.invite()
    challenge = await ask(side, text)
    (listed,) = await side.inviter.listed()

    await side.inviter.withdraw(listed.id, actor="op")

    assert await refused(side, answer_to(challenge.nonce, text, visby)) == "unknown_token"
    assert await side.inviter.listed() == []
    with pytest.raises(MissingError):
        await side.inviter.withdraw(listed.id, actor="op")
