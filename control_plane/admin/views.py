"""What the API shows of resources, grants, agreements and bundles."""

from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.stored import value_of
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.grant import Capability, Grant
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource, ResourceKind
from control_plane.pki.certificate import CertificateInfo, certificate_info
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
    created_at: datetime
    updated_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementView:
    """An agreement; ``open`` says whether traffic may pass, ``fingerprints`` (SHA-256) are of its anchors."""

    organisation: str
    state: AgreementState
    paused: bool
    open: bool
    reason: str
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
        fingerprints=tuple(certificate_info(anchor).fingerprint_sha256 for anchor in anchors),
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        revision=stored.revision,
    )


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
