"""Two organisations that know nothing of each other become partners, over real TLS and real databases."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.node import Node
from control_plane.model.peering import PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.peering import token
from control_plane.peering.client import Exchange, Outward
from control_plane.peering.refusal import RefusedError
from control_plane.peering.tls import ClientContext
from control_plane.plan.addresses import AddressPolicy
from control_plane.trust.authority import LEAF_LIFETIME, ServerCredentials
from control_plane.trust.ca_files import key_pem, new_key
from tests.integration.peering.conftest import Deploy
from tests.integration.peering.deployment import LOOPBACK, Deployment

T = TypeVar("T")

pytestmark = pytest.mark.integration

LUEBECK, VISBY, RIGA = (TrustDomain(f"{name}.example") for name in ("luebeck", "visby", "riga"))


async def code_of(call: Awaitable[object]) -> str:
    with pytest.raises(InvalidValueError) as caught:
        await call
    return caught.value.code


async def eventually(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - another process's clock decides
            await asyncio.sleep(0.05)


async def test_a_token_makes_two_organisations_partners_that_wait_for_approval(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")

    invitation = await luebeck.peering.inviter.invite(VISBY, now=_now(), lifetime=600, actor="alice")
    joined = await visby.peering.joiner.join(invitation.token, actor="bob")

    assert joined.state is AgreementState.PENDING
    assert joined.words == invitation.words
    assert len(joined.own_words.split()) == 10
    for ours, theirs in ((luebeck, visby), (visby, luebeck)):
        assert await ours.agreement(theirs.name) == Agreement(theirs.name, AgreementState.PENDING)
        assert await ours.bundle(theirs.name) == theirs.authority.bundle()
        node = await ours.database.objects.get(Kind.NODE, f"gateway-1@{theirs.name}")
        assert node is not None
        assert isinstance(node.value, Node)
        assert node.value.endpoints[0].port == 18443
        record = await ours.partners.get(theirs.name)
        assert record is not None
        assert record.addresses == (theirs.address,)
    assert [event.principal for event in await luebeck.audited("peering.invite")] == ["alice"]
    assert [event.decision for event in await luebeck.audited("peering.join")] == ["allowed"]
    assert [event.principal for event in await visby.audited("peering.join")] == ["bob"]


async def test_a_token_can_be_used_once(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    text = await luebeck.invite("visby.example")
    await visby.peering.joiner.join(text, actor="bob")

    assert await code_of(visby.peering.joiner.join(text, actor="bob")) == "used_token"
    assert await luebeck.refusals() == ["used_token"]
    assert await visby.refusals() == ["used_token"]


async def test_of_two_replicas_that_get_one_token_at_once_exactly_one_takes_it(deployment: Deploy) -> None:
    first = await deployment("luebeck.example")
    second = await deployment("luebeck.example", database=first.database_url)
    visby = await deployment("visby.example")
    other = await deployment("visby.example", database=visby.database_url)

    for _ in range(5):
        text = await first.invite("visby.example")
        outcomes = await asyncio.gather(outcome(visby, text, at=first), outcome(other, text, at=second))
        assert sorted(outcomes) == ["joined", "used_token"]
    assert set(await first.refusals()) == {"used_token"}


class Led(Outward):
    """Goes to one replica, as a load balancer would lead it."""

    def __init__(self, address: PeeringAddress) -> None:
        super().__init__(AddressPolicy.of(LOOPBACK))
        self._address = address

    async def talk(
        self,
        addresses: Sequence[PeeringAddress],
        context: ClientContext,
        conversation: Callable[[Exchange], Awaitable[T]],
    ) -> T:
        del addresses
        return await super().talk((self._address,), context, conversation)


async def outcome(joiner: Deployment, text: str, *, at: Deployment) -> str:
    try:
        await replace(joiner.peering.joiner, outward=Led(at.address)).join(text, actor="bob")
    except RefusedError as error:
        return error.code
    return "joined"


async def test_whoever_answers_at_the_address_must_be_who_the_token_names(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    riga = await deployment("riga.example")
    given = token.parse(await luebeck.invite("visby.example"))
    led_astray = token.render(replace(given, addresses=(riga.address,)))
    foreign = token.render(
        replace(token.parse(await riga.invite("visby.example")), addresses=(luebeck.address,))
    )

    assert await code_of(visby.peering.joiner.join(led_astray, actor="bob")) == "untrusted_server"
    assert await code_of(visby.peering.joiner.join(foreign, actor="bob")) == "untrusted_server"
    assert await visby.agreement(LUEBECK) is None
    assert await visby.agreement(RIGA) is None


async def test_a_gateways_certificate_does_not_make_a_control_plane(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    text = await luebeck.invite("visby.example")
    key = new_key()
    chain = luebeck.authority.issue(
        csr_of(key), SpiffeId("spiffe://luebeck.example/gateway/1"), lifetime=LEAF_LIFETIME, now=_now()
    )
    luebeck.credentials.given = ServerCredentials(key_pem(key), chain.encode(), b"")

    assert await code_of(visby.peering.joiner.join(text, actor="bob")) == "untrusted_server"


async def test_an_address_that_may_not_be_dialled_is_not(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example")
    visby = await deployment("visby.example", networks=())
    text = await luebeck.invite("visby.example")

    assert await code_of(visby.peering.joiner.join(text, actor="bob")) == "forbidden_address"
    assert await luebeck.refusals() == []


async def test_tokens_for_others_of_others_and_of_ourselves_are_refused_before_anything_is_dialled(
    deployment: Deploy,
) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    for_riga = await luebeck.invite("riga.example")

    assert await code_of(visby.peering.joiner.join(for_riga, actor="bob")) == "wrong_organisation"
    assert await code_of(visby.peering.joiner.join("proxenia-1.A.A", actor="bob")) == "bad_token"
    assert await code_of(luebeck.invite("luebeck.example")) == "own_organisation"
    assert await visby.refusals() == ["wrong_organisation", "bad_token"]


async def test_a_revoked_partner_cannot_trust_itself_again(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    spare = await luebeck.invite("visby.example")
    await visby.peering.joiner.join(await luebeck.invite("visby.example"), actor="bob")
    await luebeck.decide(VISBY, AgreementState.REVOKED)

    assert await code_of(visby.peering.joiner.join(spare, actor="bob")) == "partner_revoked"
    assert await code_of(luebeck.invite("visby.example")) == "partner_revoked"
    assert await luebeck.agreement(VISBY) == Agreement(VISBY, AgreementState.REVOKED)


async def test_who_was_approved_in_advance_is_trusted_on_that_side_only(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example", automatic=frozenset({VISBY}))
    visby = await deployment("visby.example")

    await visby.peering.joiner.join(await luebeck.invite("visby.example"), actor="bob")

    assert await luebeck.agreement(VISBY) == Agreement(VISBY, AgreementState.TRUSTED)
    assert await visby.agreement(LUEBECK) == Agreement(LUEBECK, AgreementState.PENDING)


async def test_a_pause_is_seen_on_the_other_side_and_a_dead_partner_is_stale(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example", automatic=frozenset({VISBY}), heartbeat=0.2)
    visby = await deployment("visby.example", automatic=frozenset({LUEBECK}), heartbeat=0.2)
    await visby.peering.joiner.join(await luebeck.invite("visby.example"), actor="bob")

    async def heard() -> bool:
        (view,) = await visby.peering.hearing.views()
        return not view.stale and view.sent_at is not None

    async def paused() -> bool:
        (view,) = await visby.peering.hearing.views()
        return view.paused and view.summary.startswith("they paused us since 20")

    await eventually(heard)
    await luebeck.decide(VISBY, AgreementState.TRUSTED, paused=True)
    await eventually(paused)
    await luebeck.decide(VISBY, AgreementState.REVOKED)

    async def gone() -> bool:
        (view,) = await visby.peering.hearing.views()
        return view.stale and view.send_error.startswith("partner_revoked")

    await eventually(gone)
    assert "partner_revoked" in await luebeck.refusals()


def _now() -> datetime:
    return datetime.now(UTC)


def csr_of(key: ec.EllipticCurvePrivateKey) -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()
