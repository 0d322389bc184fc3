"""Enrolment: a gateway's agent says where its Envoy listens and gets a certificate for its own key.

The gateway's id decides its identity, and our own trust domain everything else; of the certificate
signing request only the public key is used.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar

from pydantic import TypeAdapter, ValidationError

from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import load_chain, serial_hex
from control_plane.ports.audit import AuditStore
from control_plane.ports.caller import Caller
from control_plane.ports.certificates import Issued, IssuedLog, OwnAuthority
from control_plane.ports.errors import ForbiddenError
from control_plane.ports.objects import Mode, Objects, Write
from control_plane.trust.authority import LEAF_LIFETIME

HELLO = "/proxenia.gateway.v1.Agent/Hello"
RENEWAL = "/proxenia.gateway.v1.Agent/Renewal"
MAX_HELLO = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class _Announced:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    id: ObjectId
    ingress: Endpoint
    egress: Endpoint
    envoy_version: str = ""
    metrics: Endpoint | None = None

    def gateway(self, spiffe_id: SpiffeId) -> Gateway:
        """The gateway of this announcement, with the identity that we give it."""
        return Gateway(self.id, spiffe_id, self.ingress, self.egress, self.envoy_version, self.metrics)


@dataclass(frozen=True, slots=True)
class _Hello:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    gateway: _Announced
    csr: str


@dataclass(frozen=True, slots=True)
class _Renewal:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    gateway: ObjectId


_HELLO = TypeAdapter(_Hello)
_RENEWAL = TypeAdapter(_Renewal)
Message = TypeVar("Message")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The handlers (ports/caller.py) of HELLO and RENEWAL. ``clock`` gives the time in UTC."""

    objects: Objects
    authority: OwnAuthority
    audit: AuditStore
    issued: IssuedLog
    own: TrustDomain
    clock: Callable[[], datetime]
    lifetime: timedelta = LEAF_LIFETIME

    async def hello(self, body: bytes, caller: Caller) -> bytes:
        """Register the gateway and sign its key; JSON in, JSON out.

        Raises InvalidValueError (bad request), ForbiddenError (another's certificate) and UnavailableError.
        """
        request = _parse(_HELLO, body)
        announced = request.gateway
        spiffe_id = self._identity(announced.id, caller)
        signer = self.authority.signer(spiffe_id)
        chain = self.authority.issue(request.csr, spiffe_id, lifetime=self.lifetime, now=self.clock())
        await self._register(announced.gateway(spiffe_id))
        leaf = load_chain(chain)[0]
        issued = Issued(
            gateway=announced.id,
            serial=serial_hex(leaf.serial_number),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            signer=signer,
        )
        await self.issued.note(issued)
        checkpoints = await self.audit.checkpoints(announced.id)
        answer = {
            "certificate": chain,
            "not_after": int(leaf.not_valid_after_utc.timestamp()),
            "trust_domain": self.own,
            "spiffe_id": spiffe_id,
            "anchors": self.authority.anchors(),
            "signer": signer,
            "checkpoints": {
                point.stream: {"file": point.file, "offset": point.offset} for point in checkpoints
            },
        }
        return json.dumps(answer).encode()

    async def renewal(self, body: bytes, caller: Caller) -> bytes:
        """Who would sign now: a gateway whose certificate is another signer's asks for a new one at once."""
        spiffe_id = self._identity(_parse(_RENEWAL, body).gateway, caller)
        return json.dumps({"signer": self.authority.signer(spiffe_id)}).encode()

    def _identity(self, gateway: ObjectId, caller: Caller) -> SpiffeId:
        spiffe_id = SpiffeId(f"spiffe://{self.own}/gateway/{gateway}")
        if caller.spiffe_id is not None and caller.spiffe_id != spiffe_id:
            raise ForbiddenError(f"expected the certificate of {spiffe_id}, got that of {caller.spiffe_id}")
        return spiffe_id

    async def _register(self, gateway: Gateway) -> None:
        stored = await self.objects.get(Kind.GATEWAY, gateway.key)
        if stored is None or stored.value != gateway:
            write = Write(Kind.GATEWAY, gateway.key, gateway, Mode.UPSERT)
            await self.objects.write([write], actor=f"gateway {gateway.id}")


def _parse(adapter: TypeAdapter[Message], body: bytes) -> Message:
    if len(body) > MAX_HELLO:
        raise InvalidValueError(
            "too_large", f"expected a greeting of at most {MAX_HELLO} bytes, got {len(body)}"
        )
    try:
        return adapter.validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole message"
        cause = first.get("ctx", {}).get("error")
        code = cause.code if isinstance(cause, InvalidValueError) else "bad_greeting"
        raise InvalidValueError(
            code, f"expected a gateway's greeting in JSON, got at {place}: {first['msg']}"
        ) from error
