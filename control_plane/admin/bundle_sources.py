"""Where partners' bundles are fetched, set by hand: other software's bundle endpoints, too."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from control_plane.admin.dependencies import PeeringParts
from control_plane.admin.listing import PAGE, Page, PageQuery, cut, shaped
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import find
from control_plane.admin.tokens import Role
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.peering import BundleProfile, BundleSource, BundleState
from control_plane.pki import spiffe_bundle
from control_plane.pki.certificate import certificate_info, load_certificate
from control_plane.pki.words import anchors_digest, fingerprint_words

SOURCES = f"{API}/federation/bundle-sources"
BUNDLE = f"{API}/federation/bundles/{{organisation}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A bundle endpoint. ``spiffe_id`` is the endpoint's, with the profile https_spiffe and only there."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    profile: BundleProfile
    urls: tuple[str, ...]
    spiffe_id: SpiffeId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldView:
    """A fetched bundle that waits for an operator: compare the words with the partner's operator."""

    sequence: int
    words: str
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """Where a bundle is fetched, and how that goes; ``code`` empty: the last fetch was good."""

    organisation: str
    profile: BundleProfile
    urls: tuple[str, ...]
    spiffe_id: SpiffeId | None
    fetched_at: datetime | None
    due_at: datetime | None
    code: str
    detail: str
    failures: int
    held: HeldView | None


@route(
    Operation(
        "GET", SOURCES, PageQuery, Page[SourceView], "Where partners' bundles are fetched, and how that goes"
    )
)
async def list_sources(call: Call, query: PageQuery) -> Reply:
    """One page, by organisation."""
    limit = min(query.limit, PAGE)
    found = await parts_of(call).bundles.states(after=query.after, limit=limit + 1)
    page, following = cut(found, limit, lambda state: state.source.organisation)
    return Reply(Page(await shaped(page, source_view), following))


@route(
    Operation("PUT", f"{BUNDLE}/source", NewSource, None, "Follow a bundle", role=Role.OPERATOR, status=202)
)
async def follow_bundle(call: Call, given: NewSource) -> Reply:
    """Fetch a partner's bundle there from now on. What shares no anchor with ours waits for approval."""
    parts = parts_of(call)
    agreement = await find(call, Kind.AGREEMENT, call.path["organisation"])
    source = BundleSource(TrustDomain(agreement.key), given.profile, given.urls, given.spiffe_id)
    await parts.bundles.follow(source, actor=call.actor)
    return Reply()


@route(
    Operation(
        "POST",
        BUNDLE + "/refresh",
        Nothing,
        None,
        "Fetch a bundle soon",
        Role.OPERATOR,
        status=202,
        keyed=Keyed.APART,
    )
)
async def refresh_bundle(call: Call, _: Nothing) -> Reply:
    """Fetch a partner's bundle before it is due."""
    parts = parts_of(call)
    agreement = await find(call, Kind.AGREEMENT, call.path["organisation"])
    await parts.bundles.refresh(TrustDomain(agreement.key))
    return Reply()


@route(
    Operation(
        "POST",
        BUNDLE + "/approve",
        Nothing,
        Bundle,
        "Accept replaced anchors",
        Role.OPERATOR,
        keyed=Keyed.APART,
    )
)
async def approve_bundle(call: Call, _: Nothing) -> Reply:
    """Take over a bundle that shares no anchor with the one that we hold."""
    organisation = TrustDomain(call.path["organisation"])
    return Reply(await parts_of(call).bundles.approve(organisation, actor=call.actor))


def parts_of(call: Call) -> PeeringParts:
    """What speaks with partners' control planes; ApiError when nothing does."""
    if call.deps.peering is None:
        raise ApiError("peering_off", "expected a peering endpoint, got none: set peering_listen")
    return call.deps.peering


def source_view(state: BundleState) -> SourceView:
    """What is known of a bundle that is followed."""
    source = state.source
    return SourceView(
        organisation=source.organisation,
        profile=source.profile,
        urls=source.urls,
        spiffe_id=source.spiffe_id,
        fetched_at=state.fetched_at,
        due_at=state.due_at,
        code=state.code,
        detail=state.detail,
        failures=state.failures,
        held=_held(state) if state.held else None,
    )


def _held(state: BundleState) -> HeldView:
    bundle = spiffe_bundle.parse(state.held.encode(), state.source.organisation).bundle
    anchors = [load_certificate(anchor) for anchor in bundle.anchors]
    return HeldView(
        sequence=bundle.sequence,
        words=fingerprint_words(anchors_digest(anchors)),
        fingerprints=tuple(certificate_info(anchor).fingerprint_sha256 for anchor in bundle.anchors),
    )


ROUTES = (list_sources, follow_bundle, refresh_bundle, approve_bundle)
