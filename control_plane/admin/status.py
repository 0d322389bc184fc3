"""One document that says how the organisation is: verdict, counts, gateways' deliveries, problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from control_plane.admin.check_own import ending, gateway_states, presence, sources
from control_plane.admin.check_partners import silent
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.expiry import number_ended
from control_plane.admin.gateways import GatewayDeliveries, deliveries_view
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.kit.counted import many
from control_plane.model.change import Kind
from control_plane.model.check import CheckFinding
from control_plane.model.problem import Problem
from control_plane.ports.deliveries import GatewayState

STATUS = f"{API}/status"
MAX_PROBLEMS = 100  # told at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How it is. ``verdict`` is ``ok``, ``starting`` or ``problem``; ``summary`` says why in a line.

    ``warnings`` do not change the verdict: what cannot be seen of others, while our own part works.
    """

    verdict: str
    summary: str
    organisation: str
    version: str
    revision: int
    waiting: tuple[str, ...]
    counts: Mapping[str, int]
    gateways: tuple[GatewayDeliveries, ...]
    problems: tuple[Problem, ...]
    problems_total: int
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first line of a status."""

    word: str
    summary: str


def judge(
    counts: Mapping[Kind, int],
    states: Sequence[GatewayState],
    problems: Sequence[Problem],
    *,
    waiting: Sequence[str] = (),
    ended: int = 0,
) -> Verdict:
    """Say how things are, the most urgent first."""
    connected = sum(state.connected for state in states)
    refused = sum(len(delivery.refused) for state in states for delivery in state.deliveries)
    faults = []
    if connected < len(states):
        faults.append(f"{len(states) - connected} of {len(states)} gateways not connected")
    if refused:
        faults.append(f"{many(refused, 'resource')} refused by Envoy")
    if ended:
        faults.append(f"{many(ended, 'certificate')} expired")
    if problems:
        faults.append(many(len(problems), "problem"))
    if waiting:
        return Verdict("starting", "; ".join([f"waiting for {', '.join(waiting)}", *faults]))
    if not states:
        faults.insert(0, "no gateway has connected yet")
    if faults:
        return Verdict("problem", "; ".join(faults))
    nodes, resources = counts.get(Kind.NODE, 0), counts.get(Kind.RESOURCE, 0)
    return Verdict(
        "ok",
        f"{many(connected, 'gateway')} connected, {many(nodes, 'node')} of"
        f" {many(counts.get(Kind.AGREEMENT, 0), 'partner')}, {many(resources, 'resource')},"
        f" {many(counts.get(Kind.GRANT, 0), 'grant')}",
    )


async def status_of(deps: Dependencies) -> Status:
    """The whole of it, from memory but for gateways, partners and dates."""
    states = await gateway_states(deps)
    counts, problems, waiting = deps.counts(), deps.overview.problems, deps.waiting()
    if deps.audits is not None:
        audits = deps.audits
        problems = (*problems, *await audits.reconciling.problems(), *await audits.offering.problems())
    number = await number_ended(deps.expiries)
    gone = await deps.expiries.page(after="", limit=number) if number else None
    ended = [ending(item) for item in gone.items] if gone else []
    verdict = judge(counts, states, problems, waiting=waiting, ended=len(ended))
    away = [presence(state) for state in states if not state.connected]
    problems = (*map(_problem, [*away, *ended]), *problems)
    lost = [one for one in await sources(deps) if one.code == "source_lost"]
    return Status(
        verdict=verdict.word,
        summary=verdict.summary,
        organisation=deps.own,
        version=deps.version,
        revision=deps.overview.revision,
        waiting=waiting,
        counts={kind.value: counts.get(kind, 0) for kind in Kind},
        gateways=tuple(deliveries_view(state) for state in states),
        problems=problems[:MAX_PROBLEMS],
        problems_total=len(problems),
        warnings=tuple(map(_problem, [*lost, *await silent(deps)]))[:MAX_PROBLEMS],
    )


def _problem(found: CheckFinding) -> Problem:
    """What a check finds, as the status tells it."""
    return Problem(found.subject, found.code, found.detail, found.hint)


@route(Operation("GET", STATUS, Nothing, Status, "How this organisation is"))
async def show_status(call: Call, _: Nothing) -> Reply:
    """All of it."""
    return Reply(await status_of(call.deps))


ROUTES = (show_status,)
