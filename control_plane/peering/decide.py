"""The decisions of peering: who may be invited or join, what a join changes, and how partners look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Node
from control_plane.model.peering import MAX_ADDRESSES, PartnerRecord, PartnerView, PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.peering import guard
from control_plane.peering.messages import Announced, Introduction
from control_plane.peering.refusal import RefusedError
from control_plane.pki import spiffe_bundle
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.objects import Mode, Stored, Write

MAX_NODES = 64  # gateways that one organisation may introduce
STALE_AFTER = 3  # heartbeats missed


def may_begin(agreement: Agreement | None, organisation: TrustDomain, *, own: TrustDomain) -> None:
    """Raise RefusedError unless an invitation of ``organisation``, or a join, may be begun or used.

    A revoked partner comes back only when an operator puts its agreement back by hand, and a trusted one is
    not asked again: what it is trusted with would change without anybody having looked at it.
    """
    if organisation == own:
        raise RefusedError("own_organisation", f"expected another organisation than our own, {own}")
    state = agreement.state if agreement else AgreementState.UNTRUSTED
    if state is AgreementState.REVOKED:
        raise RefusedError(
            "partner_revoked",
            f"the agreement with {organisation} was revoked: set it to untrusted first, if it is to"
            " begin again",
        )
    if state is AgreementState.TRUSTED:
        raise RefusedError(
            "already_trusted",
            f"{organisation} is trusted already: revoke the agreement first, if it is to begin again",
        )


def may_speak(agreement: Agreement | None, organisation: TrustDomain) -> Agreement:
    """The agreement of a partner whose messages are heard; RefusedError when there is none."""
    if agreement is not None and agreement.state is AgreementState.REVOKED:
        raise RefusedError("partner_revoked", f"the agreement with {organisation} was revoked")
    if agreement is None or agreement.state is AgreementState.UNTRUSTED:
        raise RefusedError("unknown_partner", f"there is no agreement with {organisation}")
    return agreement


@dataclass(frozen=True, slots=True)
class Introduced:
    """What an organisation said of itself, after it was checked."""

    bundle: Bundle
    addresses: tuple[PeeringAddress, ...]
    nodes: tuple[Node, ...]


def introduced(said: Introduction, organisation: TrustDomain, policy: AddressPolicy) -> Introduced:
    """Check an introduction; RefusedError ``bad_introduction`` or ``forbidden_address``."""
    try:
        bundle = spiffe_bundle.parse(said.bundle.encode(), organisation).bundle
    except InvalidValueError as error:
        raise RefusedError("bad_introduction", f"the bundle ({error.code}): {error.detail}") from error
    if not bundle.anchors:
        raise RefusedError(
            "bad_introduction", "expected a bundle with at least one authority, got an empty one"
        )
    if not 1 <= len(said.addresses) <= MAX_ADDRESSES:
        raise RefusedError(
            "bad_introduction", f"expected 1 to {MAX_ADDRESSES} peering addresses, got {len(said.addresses)}"
        )
    if len(said.nodes) > MAX_NODES or len({node.node_id for node in said.nodes}) != len(said.nodes):
        raise RefusedError("bad_introduction", f"expected at most {MAX_NODES} gateways, none named twice")
    try:
        nodes = tuple(Node(one.node_id, organisation, one.spiffe_id, one.endpoints) for one in said.nodes)
    except InvalidValueError as error:
        raise RefusedError("bad_introduction", f"a gateway: {error.detail}") from error
    for node in nodes:
        for endpoint in node.endpoints:
            guard.check(policy, endpoint.host)
    return Introduced(bundle, said.addresses, nodes)


def join_writes(
    found: Introduced,
    present: Mapping[tuple[Kind, str], Stored],
    *,
    own: TrustDomain,
    automatic: frozenset[TrustDomain],
) -> tuple[AgreementState, tuple[Write, ...]]:
    """What a proven join changes, and the state that the agreement is in then.

    ``present`` is what the store has of the agreement, the bundle and the nodes. Nothing is trusted before an
    operator says so, except for the organisations in ``automatic``, for which one has said it in advance.
    """
    organisation = found.bundle.organisation
    known = present.get((Kind.AGREEMENT, organisation))
    agreement = known.value if known else None
    assert agreement is None or isinstance(agreement, Agreement)  # noqa: S101 - the store's kinds hold their types
    may_begin(agreement, organisation, own=own)
    state = AgreementState.TRUSTED if organisation in automatic else AgreementState.PENDING
    agreed = replace(agreement or Agreement(organisation), state=state)
    held = present.get((Kind.BUNDLE, organisation))
    bundle = found.bundle.with_lists_of(held.value if held and isinstance(held.value, Bundle) else None)
    nodes = [_merged(present.get((Kind.NODE, node.key)), node) for node in found.nodes]
    values: list[tuple[Kind, Agreement | Bundle | Node]] = [
        (Kind.AGREEMENT, agreed),
        (Kind.BUNDLE, bundle),
        *((Kind.NODE, node) for node in nodes),
    ]
    writes = []
    for kind, value in values:
        seen = present.get((kind, value.key))
        mode = Mode.REPLACE if seen else Mode.CREATE
        writes.append(Write(kind, value.key, value, mode, expected=seen.revision if seen else None))
    return state, tuple(writes)


def _merged(stored: Stored | None, node: Node) -> Node:
    """A node that we know keeps what our operators decided about it."""
    known = stored.value if stored else None
    if not isinstance(known, Node):
        return node
    return replace(known, spiffe_id=node.spiffe_id, endpoints=node.endpoints)


def announced(gateways: tuple[Gateway, ...], advertised: str) -> tuple[Announced, ...]:
    """Our gateways as partners reach them; ``advertised`` replaces a host that only means "every interface".

    A gateway that would have no address that way is left out.
    """
    found = []
    for gateway in sorted(gateways, key=lambda one: one.id)[:MAX_NODES]:
        endpoint = gateway.ingress
        if endpoint.host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            if not advertised:
                continue
            endpoint = replace(endpoint, host=advertised)
        found.append(Announced(gateway.id, gateway.spiffe_id, (endpoint,)))
    return tuple(found)


def view_of(record: PartnerRecord, *, interval: float, clock: float | None = None) -> PartnerView:
    """How a partner and we see each other; a partner that is not heard is not healthy."""
    heard = record.heard
    last = record.heard_at
    stale = last is None or record.read_at - last > timedelta(seconds=STALE_AFTER * interval)
    since = datetime.fromtimestamp(heard.since, UTC) if heard and _datable(heard.since) else None
    return PartnerView(
        organisation=record.organisation,
        addresses=record.addresses,
        stale=stale,
        heard_at=last,
        sent_at=record.sent_at,
        send_error=record.send_error,
        state=heard.state if heard else None,
        paused=bool(heard and heard.paused),
        since=since,
        sequence=heard.sequence if heard else None,
        phase=heard.phase if heard else "",
        summary=_summary(record, since, stale=stale),
        remarks=heard.remarks if heard else (),
        clock_seconds=clock,
    )


def _datable(seconds: int) -> bool:
    return seconds < datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _summary(record: PartnerRecord, since: datetime | None, *, stale: bool) -> str:
    if record.heard is None or record.heard_at is None:
        return "they have not been heard yet"
    when = f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""
    if record.heard.paused:
        says = f"they paused us{when}"
    elif record.heard.state is AgreementState.TRUSTED:
        says = f"they trust us{when}"
    else:
        says = f"they have us as {record.heard.state}{when}"
    return f"{says}, but were last heard {record.heard_at:%Y-%m-%d %H:%M:%S} UTC" if stale else says
