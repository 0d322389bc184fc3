"""From what a stranger published to a checked value, or a refusal with a stable code. Pure, and never raises.

Addresses are checked one by one after resolution, and what was checked is what Envoy gets: an IP address. A
refused record changes nothing for any other.
"""

from dataclasses import dataclass, field

from control_plane.discovery.hints import hint_for
from control_plane.discovery.lookalike import Likenesses, mixes_scripts
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain, shown
from control_plane.model.node import MAX_ENDPOINTS, MAX_LABELS, MAX_PORT, Endpoint
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.sighting import Candidate, RawEndpoint, Sighting, SourceKind
from control_plane.plan.addresses import AddressPolicy, is_local

MAX_TTL = 86_400.0  # seconds; who promises more is believed for a day
MAX_RAW_ENDPOINTS = 64  # beyond it nobody looks which of them are good
# Services that were made before anybody thought of strangers: no gateway listens there.
FORBIDDEN_PORTS = frozenset({19, 22, 23, 25, 53, 110, 111, 143, 389, 445, 2049, 3306, 5432, 6379, 11211})

# Claims that somebody makes about an organisation that is not theirs.
CLAIMS = frozenset(
    {"own_domain", "lookalike_domain", "mixed_script", "foreign_identity", "identity_conflict"}
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What records are held against. ``known`` are organisations that the operator has named."""

    own: TrustDomain
    policy: AddressPolicy
    known: frozenset[TrustDomain] = frozenset()
    ourselves: frozenset[SpiffeId] = frozenset()  # the identities of our own gateways
    likenesses: Likenesses = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "likenesses", Likenesses({self.own, *self.known}))


def check(candidate: Candidate, rules: Rules, *, source: str, kind: SourceKind) -> Sighting | Problem:
    """The sighting that ``candidate`` is, or why it is refused."""
    subject = f"{source}: {shown(candidate.subject)}"
    try:
        return _sighting(candidate, rules, source, kind)
    except InvalidValueError as error:
        return Problem(subject, error.code, error.detail, hint_for(error.code))
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        # A plugin is not held to types by anything but its tests.
        return Problem(subject, "malformed_record", f"expected text and numbers, got {shown(str(error))}")


def still_good(sighting: Sighting, rules: Rules) -> bool:
    """Whether what was accepted once would be so today: the rules may have become stricter."""
    if sighting.organisation == rules.own:
        return False
    return sighting.kind is SourceKind.MANUAL or not any(
        rules.policy.objection(endpoint.host) for endpoint in sighting.endpoints
    )


def _sighting(candidate: Candidate, rules: Rules, source: str, kind: SourceKind) -> Sighting:
    hash(candidate)  # raises for lists, which are no part of a value
    by_operator = (
        kind is SourceKind.MANUAL
    )  # not a stranger: the rules about deceit and networks do not apply
    _check_names(candidate, rules, strict=not by_operator)
    if len(candidate.metadata) > MAX_LABELS or len(candidate.resources) > MAX_LABELS:
        raise InvalidValueError(
            "bad_metadata", f"expected at most {MAX_LABELS} entries, and as many resources"
        )
    if len(dict(candidate.metadata)) != len(candidate.metadata):
        raise InvalidValueError("bad_metadata", "expected each key once")
    return Sighting(
        source=source,
        kind=kind,
        node_id=ObjectId(candidate.node_id),
        organisation=TrustDomain(candidate.organisation),
        spiffe_id=SpiffeId(candidate.spiffe_id),
        endpoints=_endpoints(candidate.endpoints, None if by_operator else rules.policy),
        name=candidate.name,
        region=candidate.region,
        version=candidate.version,
        resources=tuple(ResourceName(name) for name in candidate.resources),
        metadata=dict(candidate.metadata),
        ttl=_ttl(candidate.ttl),
    )


def _ttl(seconds: float) -> float:
    """A time to live within reason; what is no number (NaN too) says nothing."""
    return min(float(seconds), MAX_TTL) if seconds > 0 else 0.0


def _check_names(candidate: Candidate, rules: Rules, *, strict: bool) -> None:
    organisation, identity = candidate.organisation, candidate.spiffe_id
    domain = identity.removeprefix("spiffe://").partition("/")[0]
    if identity in rules.ourselves and organisation == rules.own:
        raise InvalidValueError("ourselves", "it is our own gateway, which we need not discover")
    for name in (organisation, domain):
        if name == rules.own:
            raise InvalidValueError("own_domain", f"expected another organisation than our own, {rules.own}")
    for name in dict.fromkeys((organisation, domain)) if strict else ():
        imitated = rules.likenesses.of(name)
        if imitated:
            raise InvalidValueError("lookalike_domain", f"{shown(name)} can be taken for {imitated}")
        if mixes_scripts(name):
            raise InvalidValueError("mixed_script", f"expected letters of one script, got {shown(name)}")
    TrustDomain.check(organisation)
    if SpiffeId(identity).trust_domain != organisation:
        raise InvalidValueError(
            "foreign_identity", f"expected an identity of {organisation}, got {shown(identity)}"
        )


def _endpoints(raw: tuple[RawEndpoint, ...], policy: AddressPolicy | None) -> tuple[Endpoint, ...]:
    """What may be dialled of ``raw``, each address once.

    A host with several interfaces honestly announces addresses that lead nowhere from here (private ones, its
    link's): they are left out. An address that no honest node has condemns the whole record.
    """
    if len(raw) > MAX_RAW_ENDPOINTS:
        raise InvalidValueError(
            "bad_endpoints", f"expected at most {MAX_RAW_ENDPOINTS} addresses, got {len(raw)}"
        )
    good: dict[tuple[str, int], Endpoint] = {}
    refused = ""
    levels = {priority: level for level, priority in enumerate(sorted({one.priority for one in raw}))}
    for one in raw:
        objection = policy.objection(one.host) if policy else ""
        refused = refused or (f"{shown(one.host)}, {objection}" if objection else "")
        if objection and is_local(one.host):
            continue
        endpoint = _endpoint(one, levels[one.priority])
        if objection:
            raise InvalidValueError("forbidden_address", f"expected only public addresses, got {refused}")
        good.setdefault((endpoint.host, endpoint.port), endpoint)
    if refused and not good:
        raise InvalidValueError("forbidden_address", f"expected a public address, got {refused}")
    if not 1 <= len(good) <= MAX_ENDPOINTS:
        raise InvalidValueError("bad_endpoints", f"expected 1 to {MAX_ENDPOINTS} endpoints, got {len(good)}")
    return tuple(good.values())


def _endpoint(raw: RawEndpoint, level: int) -> Endpoint:
    """The endpoint, of the ``level``-th priority of its record: SRV has 65,536 of them and Envoy 128."""
    if raw.port in FORBIDDEN_PORTS:
        raise InvalidValueError("forbidden_port", f"expected a gateway's port, got {raw.port}")
    if not 0 <= raw.priority <= MAX_PORT:
        raise InvalidValueError("bad_priority", f"expected 0 to {MAX_PORT}, got {shown(raw.priority)}")
    if not 0 <= raw.weight <= MAX_PORT:
        raise InvalidValueError("bad_weight", f"expected 0 to {MAX_PORT}, got {shown(raw.weight)}")
    # RFC 2782: weight 0 is chosen rarely, which Envoy cannot say in another way than 1.
    return Endpoint(raw.host, raw.port, level, raw.weight or 1)
