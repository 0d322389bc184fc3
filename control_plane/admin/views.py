"""What the API shows of resources, grants, agreements and bundles."""

from dataclasses import dataclass
from datetime import UTC, datetime

from control_plane.admin.stored import value_of
from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.bundle import Bundle
from control_plane.model.conditions import Conditions
from control_plane.model.grant import Capability, Grant
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource, ResourceKind
from control_plane.pki.certificate import CertificateInfo, certificate_info, pem_fingerprint
from control_plane.ports.objects import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """A resource; ``id`` is ``name@organisation``, ``host`` the name by which applications call it."""

    id: str
    name: str
    organisation: str
    kind: ResourceKind
    host: str
    nodes: tuple[str, ...]
    upstreams: tuple[Endpoint, ...]
    description: str
    preferred: str | None
    timeout_seconds: float
    created_at: datetime
    updated_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """A grant; ``id`` is the policy id that audit rows carry."""

    id: str
    resource: str
    subject: str
    capabilities: tuple[Capability, ...]
    enabled: bool
    shadow: bool
    conditions: Conditions
    approved_by: str
    created_at: datetime
    updated_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CutView:
    """How one gateway ended what was open; times are counted from the operator's order.

    ``first_push_ms``: its Envoy had the new rules. ``took_ms``: none of the ``connections_before`` was left,
    except for ``connections_left``.
    """

    id: str
    first_push_ms: float
    took_ms: float
    connections_before: int
    connections_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationView:
    """What was taken back last; ``gateways`` have reported so far (null in lists: not looked up)."""

    what: str
    at: datetime
    by: str
    gateways: tuple[CutView, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView:
    """An agreement; ``open`` says whether traffic may pass, ``fingerprints`` (SHA-256) are of its anchors."""

    organisation: str
    state: AgreementState
    paused: bool
    open: bool
    reason: str
    revoked_identities: tuple[str, ...]
    revoked_serials: tuple[str, ...]
    revocation: RevocationView | None
    fingerprints: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleView:
    """Trust anchors of one organisation, as PEM and described; ``own`` marks what partners import from us."""

    organisation: str
    own: bool
    sequence: int
    anchors: tuple[str, ...]
    certificates: tuple[CertificateInfo, ...]


def resource_view(stored: Stored) -> ResourceView:
    """What is known of a stored resource."""
    resource = value_of(stored, Resource)
    return ResourceView(
        id=resource.key,
        name=resource.name,
        organisation=resource.organisation,
        kind=resource.kind,
        host=resource.host,
        nodes=resource.nodes,
        upstreams=resource.upstreams,
        description=resource.description,
        preferred=resource.preferred,
        timeout_seconds=resource.timeout_seconds,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        revision=stored.revision,
    )


def grant_view(stored: Stored) -> GrantView:
    """What is known of a stored grant."""
    grant = value_of(stored, Grant)
    return GrantView(
        id=grant.id,
        resource=grant.resource,
        subject=grant.subject,
        capabilities=grant.capabilities,
        enabled=grant.enabled,
        shadow=grant.shadow,
        conditions=grant.conditions,
        approved_by=grant.approved_by,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        revision=stored.revision,
    )


def agreement_view(stored: Stored, anchors: tuple[str, ...]) -> AgreementView:
    """What is known of a stored agreement with a partner that has these trust anchors."""
    agreement = value_of(stored, Agreement)
    return AgreementView(
        organisation=agreement.organisation,
        state=agreement.state,
        paused=agreement.paused,
        open=agreement.open,
        reason=agreement.reason,
        revoked_identities=agreement.revoked_identities,
        revoked_serials=agreement.revoked_serials,
        revocation=cut_view(agreement.cut),
        fingerprints=tuple(pem_fingerprint(anchor) for anchor in anchors),
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        revision=stored.revision,
    )


def cut_view(cut: Cut | None, gateways: tuple[CutView, ...] | None = None) -> RevocationView | None:
    """What is known of the last time that something was taken back."""
    if cut is None:
        return None
    return RevocationView(what=cut.what, at=datetime.fromtimestamp(cut.at, UTC), by=cut.by, gateways=gateways)


def bundle_view(bundle: Bundle, *, own: bool = False) -> BundleView:
    """What is known of a bundle."""
    described = tuple(certificate_info(anchor) for anchor in bundle.anchors)
    return BundleView(
        organisation=bundle.organisation,
        own=own,
        sequence=bundle.sequence,
        anchors=bundle.anchors,
        certificates=described,
    )
