"""Whether a chain of certificates would be believed now, by the rules that everybody is held to."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.stored import value_of
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import CertificateInfo, describe, load_chain
from control_plane.pki.path import Purpose
from control_plane.pki.refusal import RefusedError
from control_plane.pki.verify import Anchors, authenticate

VERIFY = f"{API}/federation/verify"
MAX_CHAIN = 256 << 10  # characters of PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A chain, leaf first, as PEM, and which end of a connection would present it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    chain: str
    purpose: Purpose = Purpose.SERVER

    def __post_init__(self) -> None:
        if len(self.chain) > MAX_CHAIN:
            raise InvalidValueError(
                "not_a_certificate", f"expected a chain of at most {MAX_CHAIN} characters, got more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVerdict:
    """``valid`` says that the chain proves ``spiffe_id``; else ``code`` and ``detail`` say what it fails at.

    ``trust`` is how we stand with its organisation: a valid chain alone lets nobody in.
    """

    valid: bool
    code: str
    detail: str
    spiffe_id: SpiffeId | None
    organisation: str
    trust: AgreementState
    expires_at: datetime | None
    certificates: tuple[CertificateInfo, ...]


@route(Operation("POST", VERIFY, Presented, ChainVerdict, "Whether a chain would be believed"))
async def verify_chain(call: Call, presented: Presented) -> Reply:
    """Verify it now, against the anchors of the organisation that its leaf names."""
    chain = load_chain(presented.chain)
    certificates = tuple(describe(certificate) for certificate in chain)
    named = certificates[0].spiffe_id
    organisation = named.trust_domain if named else None
    code = detail = ""
    expires: datetime | None = None
    try:
        store = {organisation: await _anchors(call, organisation)} if organisation else {}
        known = {domain: anchors for domain, anchors in store.items() if anchors is not None}
        expires = authenticate(chain, presented.purpose, now=call.deps.now(), store=known).expires
    except RefusedError as error:
        code, detail = error.code, error.detail
    return Reply(
        ChainVerdict(
            valid=not code,
            code=code,
            detail=detail,
            spiffe_id=named,
            organisation=organisation or "",
            trust=await _trust(call, organisation),
            expires_at=expires,
            certificates=certificates,
        )
    )


async def _anchors(call: Call, organisation: TrustDomain) -> Anchors | None:
    if organisation == call.deps.own:
        return Anchors.of(Bundle(organisation, call.deps.anchors()))
    stored = await call.deps.objects.get(Kind.BUNDLE, organisation)
    return Anchors.of(value_of(stored, Bundle)) if stored else None


async def _trust(call: Call, organisation: TrustDomain | None) -> AgreementState:
    if organisation is None:
        return AgreementState.UNTRUSTED
    if organisation == call.deps.own:
        return AgreementState.TRUSTED
    stored = await call.deps.objects.get(Kind.AGREEMENT, organisation)
    return value_of(stored, Agreement).state if stored else AgreementState.UNTRUSTED


ROUTES = (verify_chain,)
