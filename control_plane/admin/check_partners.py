"""Checks of partners, from our side and, by what their heartbeats say, from theirs; and of their names."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.check_codes import finding, fine, skipped
from control_plane.admin.check_own import clock
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.listing import OrganisationQuery, every
from control_plane.admin.node_view import NOT_ANNOUNCED, NOTHING_SEEN, seen_status, states_of
from control_plane.admin.spoken import Spoken, States, read_nodes
from control_plane.admin.stored import value_of
from control_plane.kit.counted import many
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.check import CheckFinding, Level, Said
from control_plane.model.identity import TrustDomain
from control_plane.model.node import NodeStatus
from control_plane.model.peering import NOT_FOLLOWED, BundleState, PartnerView

MOST_PARTNERS = 200  # that one check looks at
MOST_NODES = 200  # of one partner
MOST_NAMES = 32
RESOLVE_WITHIN = 2.0  # seconds
_NOT_HEARD = Said(Level.SKIPPED, "not heard")


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of all partners, by organisation, and how sources fare, by name."""

    views: Mapping[str, PartnerView]
    bundles: Mapping[str, BundleState]
    states: States


async def partners(deps: Dependencies) -> list[CheckFinding]:
    """Every partner that there is an agreement with."""
    known = await _known(deps)
    found: list[CheckFinding] = []
    async for stored in every(deps.objects, Kind.AGREEMENT):
        agreement = value_of(stored, Agreement)
        if len(found) >= MOST_PARTNERS * 5:
            return [*found, skipped("partners", "there are more: proxenia partner list")]
        found += await _partner(deps, agreement, known)
    return found or [skipped("partners", "there is no agreement yet")]


async def silent(deps: Dependencies) -> list[CheckFinding]:
    """Trusted partners that were heard once, and not lately: nobody says whether their nodes are up."""
    stale = {view.organisation: view for view in await _views(deps) if view.stale and view.heard_at}
    agreements = await deps.objects.many(Kind.AGREEMENT, stale) if stale else {}
    return [
        _heard(organisation, view)
        for organisation, view in stale.items()
        if (stored := agreements.get(organisation))
        and value_of(stored, Agreement).state is AgreementState.TRUSTED
    ]


async def dns(deps: Dependencies) -> list[CheckFinding]:
    """Whether the names of partners' control planes have addresses."""
    names = sorted({one.host for view in await _views(deps) for one in view.addresses if _is_name(one.host)})
    if not names:
        return [skipped("names", "no partner is named by a DNS name")]
    return list(await asyncio.gather(*(_resolved(name) for name in names[:MOST_NAMES])))


def _is_name(host: str) -> bool:
    return ":" not in host and not host.rpartition(".")[2].isdecimal()


async def _resolved(name: str) -> CheckFinding:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_WITHIN):
            found = await loop.getaddrinfo(name, None)
    except TimeoutError:
        return finding(name, Level.PROBLEM, "dns_fails", f"no answer within {RESOLVE_WITHIN:g} s")
    except OSError as error:
        return finding(name, Level.PROBLEM, "dns_fails", f"the resolver says: {error.strerror}")
    return fine(name, str(found[0][4][0]))


async def _views(deps: Dependencies) -> list[PartnerView]:
    return await deps.peering.views.views() if deps.peering else []


async def _known(deps: Dependencies) -> _Known:
    bundles = await deps.peering.bundles.states() if deps.peering else []
    return _Known(
        {view.organisation: view for view in await _views(deps)},
        {state.source.organisation: state for state in bundles},
        await states_of(deps),
    )


async def _partner(deps: Dependencies, agreement: Agreement, known: _Known) -> list[CheckFinding]:
    name = agreement.organisation
    view = known.views.get(name)
    found = [_trust(agreement, view)]
    if agreement.state in {AgreementState.UNTRUSTED, AgreementState.REVOKED}:
        return found
    if view is not None:
        found.append(_heard(name, view))
        if view.clock_seconds is not None:
            found.append(clock(f"{name} clock", view.clock_seconds))
    if (state := known.bundles.get(name)) is not None and (state.held or state.code):
        found.append(_bundle(name, state))
    if agreement.state is AgreementState.TRUSTED:
        found.append(await _nodes(deps, name, known))
    return found


def _trust(agreement: Agreement, view: PartnerView | None) -> CheckFinding:
    subject, theirs = f"{agreement.organisation} trust", _their_trust(view)
    match agreement.state:
        case AgreementState.PENDING:
            found = finding(subject, Level.WARNING, "waits_for_approval", "it waits for our approval")
        case AgreementState.TRUSTED if agreement.paused:
            found = finding(subject, Level.WARNING, "paused", f"we paused it: {agreement.reason or '-'}")
        case AgreementState.TRUSTED:
            found = fine(subject, "we trust them")
        case _:
            return skipped(subject, f"we have them as {agreement.state}")
    hint = found.hint or (finding(subject, theirs.level, theirs.code, "").hint if theirs else "")
    return CheckFinding(found.subject, found.level, found.detail, found.code, hint, theirs)


def _their_trust(view: PartnerView | None) -> Said | None:
    if view is None:
        return None
    if view.state is None:
        return _NOT_HEARD
    if view.paused:
        return Said(Level.WARNING, view.summary, "paused")
    if view.state is AgreementState.TRUSTED:
        return Said(Level.OK, "they trust us")
    if view.state is AgreementState.PENDING:
        return Said(Level.WARNING, view.summary, "waits_for_approval")
    return Said(Level.PROBLEM, view.summary, "no_trust")


def _heard(name: str, view: PartnerView) -> CheckFinding:
    """Ours is whether we hear them, theirs whether they take what we send."""
    subject = f"{name} control plane"
    ours = (
        finding(subject, Level.PROBLEM, "partner_silent", f"last heard {_moment(view.heard_at)}")
        if view.stale
        else fine(subject, f"heard {_moment(view.heard_at)}")
    )
    if view.send_error:
        code, _, detail = view.send_error.partition(": ")
        code = "unreachable" if code == "unavailable" else code
        theirs = Said(Level.PROBLEM, f"they do not take our heartbeat: {detail}", code)
        hint = ours.hint or finding(subject, Level.PROBLEM, code, "").hint
        return CheckFinding(subject, ours.level, ours.detail, ours.code, hint, theirs)
    took = Said(Level.OK, f"took ours {_moment(view.sent_at)}") if view.sent_at else _NOT_HEARD
    return CheckFinding(subject, ours.level, ours.detail, ours.code, ours.hint, took)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"


def _bundle(name: str, state: BundleState) -> CheckFinding:
    subject = f"{name} anchors"
    if state.held:
        return finding(subject, Level.WARNING, "bundle_waits", "fetched anchors wait for an approval")
    if state.code == NOT_FOLLOWED:
        return skipped(subject, "not fetched yet since we agree with it")
    return finding(subject, Level.WARNING, "bundle_fails", f"{state.code}: {state.detail}")


async def _nodes(deps: Dependencies, name: TrustDomain, known: _Known) -> CheckFinding:
    """Ours is what we see of their nodes, theirs what they see of our gateways."""
    subject = f"{name} nodes"
    query = OrganisationQuery(organisation=name, limit=MOST_NODES)
    spoken, more = await read_nodes(deps.objects, query)
    found = [_node(deps, one, known.states) for one in spoken]
    bad = [one for one in found if one.level in {Level.PROBLEM, Level.WARNING}]
    count = f"{'more than ' if more else ''}{many(len(spoken), 'node')}"
    theirs = _remarks(known.views.get(name))
    if not bad:
        hint = finding(subject, theirs.level, theirs.code, "").hint if theirs and theirs.code else ""
        quiet = sum(one.level is Level.SKIPPED for one in found)
        more_to_say = f"; of {quiet} nothing was seen lately" if quiet else ""
        return CheckFinding(subject, Level.OK, f"{count}, none with trouble{more_to_say}", "", hint, theirs)
    bad.sort(key=lambda one: one.level is not Level.PROBLEM)
    worst = bad[0]
    detail = f"{len(bad)} of {count}: " + "; ".join(one.detail for one in bad[:3])
    return CheckFinding(subject, worst.level, detail, worst.code, worst.hint, theirs)


def _node(deps: Dependencies, one: Spoken, states: States) -> CheckFinding:
    """What we see of a node. Of one that nobody calls nothing is seen, and that is no trouble by itself."""
    refused = deps.overview.admission(one.key)
    if refused is not None:
        return finding(one.key, Level.WARNING, refused.code, refused.detail)
    status, reason = seen_status(deps.fitness.finding(one.key) if deps.fitness else None, one, states)
    detail = f"{one.key}: {reason}"
    match status:
        case NodeStatus.OFFLINE if reason != NOT_ANNOUNCED:
            return finding(one.key, Level.PROBLEM, "node_offline", detail)
        case NodeStatus.DEGRADED:
            return finding(one.key, Level.WARNING, "node_degraded", detail)
        case NodeStatus.ONLINE:
            return fine(one.key, detail)
        case NodeStatus.UNKNOWN if reason == NOTHING_SEEN and not one.held:
            return skipped(one.key, detail)
        case _:
            return finding(one.key, Level.WARNING, "node_unseen", detail)


def _remarks(view: PartnerView | None) -> Said | None:
    if view is None:
        return None
    if view.stale:
        return _NOT_HEARD
    if not view.remarks:
        return Said(Level.OK, "they see nothing wrong with ours")
    detail = "; ".join(remark.detail for remark in view.remarks[:3])
    return Said(Level.PROBLEM, detail, view.remarks[0].code)
