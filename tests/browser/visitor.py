"""A partner's control plane that says whatever a test wants: a program of its own, over real TLS.

It has an authority, joins by a token, is heard, serves a bundle, and answers questions about its audit; what
it signs is built as text, so that it can also be what no honest control plane would ever say.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from bench.partner import Authority, serial
from control_plane.chain import reconcile
from control_plane.chain.crossing import KEY_BYTES, id_hash, raw_item
from control_plane.chain.record_set import gathered
from control_plane.kit import strict_json
from control_plane.model.bundle import Bundle
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.peering import PeeringAddress, control_plane_id
from control_plane.model.reconciliation import FIELDS, Crossing
from control_plane.peering import audit_messages as said
from control_plane.peering import messages, token, transcript
from control_plane.peering.audit_messages import AUDIT_PURPOSE, AuditAnswer, AuditQuestion, Told
from control_plane.peering.client import Exchange, Outward
from control_plane.peering.joining import Visit
from control_plane.peering.messages import HEARTBEAT_PURPOSE, Announced, Heartbeat, Introduction
from control_plane.peering.options import Options
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.paths import AUDIT, BUNDLE_PATH, HEARTBEATS, JOSE
from control_plane.peering.tls import ClientContext, ServerContext
from control_plane.peering.transcript import Expected
from control_plane.pki import jws, sign, spiffe_bundle, template
from control_plane.pki.certificate import load_chain, to_pem
from control_plane.plan.addresses import AddressPolicy
from control_plane.trust.authority import ServerCredentials
from tests.fakes.objects import FakeObjects

LOOPBACK = AddressPolicy.of(("127.0.0.0/8",))


def authority_of(trust_domain: str, name: str) -> Authority:
    """An authority whose root has a subject of its owner's choice."""
    made = Authority.of(trust_domain)
    now, day = datetime.now(UTC), timedelta(days=1)
    usual = template.root(made.trust_domain, made.key.public_key(), serial=serial(), now=now, lifetime=day)
    wanted = replace(usual, subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    return Authority(made.trust_domain, made.key, sign.self_signed(wanted, made.key))


@dataclass
class Visitor:
    """``answers`` are status and body by path, instead of what it would answer; ``crossings`` its audit."""

    authority: Authority
    served: Bundle  # at its bundle endpoint
    port: int = 0
    token: str = ""
    crossings: list[Crossing] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key, chain = self.authority.identity("control-plane")
        root = self.authority.anchor
        self.credentials = ServerCredentials(key.encode(), chain.encode(), root.encode())

    @property
    def name(self) -> TrustDomain:
        return self.authority.trust_domain

    @property
    def bundle(self) -> Bundle:
        """Its first one, which a join introduces."""
        return Bundle(self.name, (self.authority.anchor,), sequence=1)

    @property
    def ourselves(self) -> Ourselves:
        address = PeeringAddress("127.0.0.1", self.port)
        return Ourselves(
            options=Options(own=self.name, addresses=(address,), policy=LOOPBACK),
            objects=FakeObjects(),
            credentials=lambda: self.credentials,
            bundle=lambda: self.bundle,
            now=lambda: datetime.now(UTC),
        )

    async def join(self, text: str) -> None:
        """Use a token; afterwards the inviter waits for an approval."""
        self.token = text
        gateway = SpiffeId(f"spiffe://{self.name}/gateway/one")
        nodes = (Announced(ObjectId("one"), gateway, (Endpoint("127.0.0.9", 8443),)),)
        document = spiffe_bundle.encode(self.bundle, refresh_hint=300).decode()
        introduction = Introduction(document, self.ourselves.options.addresses, nodes)
        visit = Visit(self.ourselves, token.parse(text), token.digest(text), introduction)
        await self._talk(visit.hold)

    async def beat(self, view: dict[str, Any]) -> None:
        """Say how it sees its partner; RefusedError when that is not taken."""
        good = {"state": "trusted", "paused": False, "since": int(time()), "sequence": 1}

        async def hold(exchange: Exchange) -> None:
            def body() -> bytes:
                envelope = self._claims(HEARTBEAT_PURPOSE, exchange.channel)
                claims = {"sequence": int(time() * 1000), "view": good | view, "bundle": 1}
                return self._seal({"envelope": envelope, **claims}, Heartbeat.TYP)

            await exchange.post(HEARTBEATS, body, content_type=JOSE)

        await self._talk(hold)

    async def _talk(self, conversation: Callable[[Exchange], Any]) -> None:
        given = token.parse(self.token)
        context = ClientContext.to(control_plane_id(given.inviter), given.anchors)
        await Outward(LOOPBACK).talk(given.addresses, context, conversation)

    def _claims(self, purpose: str, channel: str) -> dict[str, Any]:
        expected = Expected(self.name, token.parse(self.token).inviter, purpose, channel)
        claims: dict[str, Any] = json.loads(messages.write(transcript.envelope(expected, datetime.now(UTC))))
        return claims

    def _seal(self, claims: dict[str, Any], typ: str) -> bytes:
        key = load_pem_private_key(self.credentials.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return jws.seal(json.dumps(claims).encode(), typ, key=key, chain=load_chain(self.credentials.chain))

    async def answer(self, request: web.Request) -> web.Response:
        """Whatever is asked."""
        body = await request.read()
        if request.path in self.answers:
            status, text = self.answers[request.path]
            return web.Response(status=status, body=text, content_type="application/problem+json")
        if request.path == BUNDLE_PATH:
            text = spiffe_bundle.encode(self.served, refresh_hint=300)
            return web.Response(body=text, content_type="application/json")
        if request.path == AUDIT:
            return web.Response(body=self._audited(body), content_type=JOSE)
        return web.Response(status=204)

    def _audited(self, body: bytes) -> bytes:
        """What its audit has, in the form that is asked for."""
        sealed = jws.read(body, AuditQuestion.TYP)
        question = messages.read(AuditQuestion, sealed.payload)
        channel = ServerContext.of(self.credentials).channel
        answer = AuditAnswer(
            envelope=question.envelope, question=transcript.message_digest(body), fields=question.fields
        )
        key = bytes.fromhex(question.key)
        assert len(key) == KEY_BYTES
        known = {id_hash(one.correlation_id, key).hex(): one for one in self.crossings}
        by_id = {one.correlation_id: one for one in self.crossings}
        if question.ask == "names":
            answer = replace(answer, names=tuple(known[one].correlation_id for one in question.names))
        elif question.ask == "known":
            told = [by_id[one] for one in question.names if one in by_id]
            answer = replace(answer, told=tuple(_told(one) for one in told))
        elif question.ask != "fields":
            raws = [raw_item(one, key, question.fields) for one in self.crossings]
            answer = replace(
                answer, packed=said.packed(reconcile.answer(gathered(raws), question.question()))
            )
        claims = strict_json.read(messages.write(answer), most=1 << 20)
        assert isinstance(claims, dict)
        return self._seal(claims | {"envelope": self._claims(AUDIT_PURPOSE, channel)}, AuditAnswer.TYP)


def _told(one: Crossing) -> Told:
    shown = {name: f"={value}" for name, value in one.values.items()}
    return Told(one.correlation_id, said.microseconds(one.timestamp), shown)


def crossing(correlation_id: str, text: str) -> Crossing:
    """A request that only this side has ever seen, a while ago."""
    return Crossing(correlation_id, datetime.now(UTC) - timedelta(minutes=2), dict.fromkeys(FIELDS, text))


@asynccontextmanager
async def visitor(authority: Authority, served: Bundle | None = None) -> AsyncIterator[Visitor]:
    """It listens until the block ends."""
    first = Bundle(authority.trust_domain, (to_pem([authority.certificate]),), sequence=1)
    made = Visitor(authority, served or first)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ServerContext.of(made.credentials))
        await site.start()
        made.port = int(runner.addresses[0][1])
        yield made
    finally:
        await runner.cleanup()
