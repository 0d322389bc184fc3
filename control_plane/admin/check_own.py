"""Checks of what is ours: the database, gateways and their configuration, dates, clocks, sources."""

from collections.abc import Iterable
from datetime import timedelta

from control_plane.admin.check_codes import finding, fine, skipped
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.gateways import WORDS, by_gateway
from control_plane.admin.listing import every
from control_plane.kit.counted import many
from control_plane.model.change import Kind
from control_plane.model.check import CheckFinding, Level
from control_plane.model.expiry import Expiring
from control_plane.model.problem import Problem
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.errors import UnavailableError

MOST = 20  # findings of one kind that are told
CROWDED = 0.9  # of all connections that the database takes
SLOW = timedelta(seconds=2)  # by which clocks may differ
WRONG = timedelta(seconds=60)


async def database(deps: Dependencies) -> list[CheckFinding]:
    """Whether it answers, and whether the control plane has read it."""
    found = [
        finding("control plane", Level.PROBLEM, "starting", f"waits for {one}") for one in deps.waiting()
    ]
    if deps.look is None:
        return [*found, skipped("PostgreSQL", "this control plane has none of its own to look at")]
    try:
        facts = await deps.look.look()
    except UnavailableError as error:
        return [*found, finding("PostgreSQL", Level.PROBLEM, "database_away", str(error))]
    said = f"version {facts.version} answered in {facts.seconds * 1000:.0f} ms"
    if facts.connections >= CROWDED * facts.connections_most:
        crowd = f"{facts.connections} of {facts.connections_most} connections are taken"
        return [*found, finding("PostgreSQL", Level.WARNING, "database_crowded", crowd)]
    return [*found, fine("PostgreSQL", said)]


async def time(deps: Dependencies) -> list[CheckFinding]:
    """Whether our clock shows what the database's shows."""
    if deps.look is None:
        return [skipped("database", "there is no clock to compare with")]
    facts = await deps.look.look()
    return [clock("database", (facts.now - deps.now()).total_seconds())]


def clock(subject: str, seconds: float) -> CheckFinding:
    """A clock that is ``seconds`` ahead of ours."""
    way = "ahead of" if seconds > 0 else "behind"
    if abs(seconds) <= SLOW.total_seconds():
        return fine(subject, f"its clock differs from ours by {abs(seconds):.1f} s")
    level = Level.PROBLEM if abs(seconds) > WRONG.total_seconds() else Level.WARNING
    return finding(subject, level, "clock_differs", f"its clock is {abs(seconds):.0f} s {way} ours")


async def gateway_states(deps: Dependencies) -> list[GatewayState]:
    """Every gateway, also those that never connected."""
    known = by_gateway(await deps.deliveries.all())
    async for stored in every(deps.objects, Kind.GATEWAY):
        never = GatewayState(stored.key, connected=False, deliveries=(), replica="", at=stored.created_at)
        known.setdefault(stored.key, never)
    return [known[gateway] for gateway in sorted(known)]


async def gateways(deps: Dependencies) -> list[CheckFinding]:
    """Whether ours are connected."""
    states = await gateway_states(deps)
    if not states:
        return [finding("gateways", Level.PROBLEM, "no_gateway", "no gateway has connected yet")]
    return [presence(state) for state in states]


def presence(state: GatewayState) -> CheckFinding:
    """Whether a gateway is connected."""
    if state.connected:
        return fine(state.gateway, f"connected to {state.replica or 'this replica'}")
    since = f"not connected since {state.at:%Y-%m-%d %H:%M:%S} UTC"
    return finding(state.gateway, Level.PROBLEM, "gateway_disconnected", since)


async def configuration(deps: Dependencies) -> list[CheckFinding]:
    """What Envoy took of what was sent, and what could not be sent at all."""
    found = [one for state in await gateway_states(deps) if state.connected for one in _deliveries(state)]
    return [*found, *problems(deps.overview.problems)]


def problems(known: Iterable[Problem]) -> list[CheckFinding]:
    """Problems of objects as findings; the first ones."""
    told = list(known)
    found = [CheckFinding(one.subject, Level.PROBLEM, one.detail, one.code, one.hint) for one in told[:MOST]]
    if len(told) > MOST:
        found.append(skipped("objects", f"{len(told) - MOST} problems more: proxenia status"))
    return found


def _deliveries(state: GatewayState) -> list[CheckFinding]:
    refused = [
        finding(
            f"{state.gateway} {WORDS.get(delivery.type_url, delivery.type_url)} {refusal.name}",
            Level.PROBLEM,
            "nack",
            f"Envoy says: {refusal.detail}",
        )
        for delivery in state.deliveries
        for refusal in delivery.refused
    ]
    wanted = sum(delivery.wanted for delivery in state.deliveries)
    acknowledged = sum(delivery.acknowledged for delivery in state.deliveries)
    text = f"acknowledged {acknowledged} of {wanted} resources"
    if refused:
        return refused[:MOST]
    if acknowledged < wanted:
        return [finding(state.gateway, Level.WARNING, "deliveries_wait", text)]
    return [fine(state.gateway, text)]


async def certificates(deps: Dependencies) -> list[CheckFinding]:
    """Everything with a date."""
    page = await deps.expiries.page(after="", limit=MOST)
    found = [ending(item) for item in page.items if item.severity != "ok"]
    return found or [fine("dates", f"{sum(page.counts.values())} with a date, none ends soon")]


def ending(item: Expiring) -> CheckFinding:
    """Something that has ended, or will soon."""
    expired = item.seconds_left <= 0
    level = Level.WARNING if item.severity == "warning" else Level.PROBLEM
    code = "certificate_expired" if expired else "certificate_ends"
    when = f"{'ended' if expired else 'ends'} {item.not_after:%Y-%m-%d %H:%M} UTC"
    return finding(f"{item.kind} {item.subject}", level, code, f"{when}: {item.breaks}")


async def sources(deps: Dependencies) -> list[CheckFinding]:
    """How the sources of discovery fare."""
    parts = deps.discovery
    if parts is None:
        return [skipped("sources", "this control plane does not look for nodes")]
    known = {state.name: state for state in await parts.sources.all()}
    found = []
    for name in sorted({*known, *parts.names}):
        state = known.get(name)
        if state is None or (state.seen_at is None and state.lost_since is None):
            found.append(finding(name, Level.WARNING, "source_silent", "it has not said anything yet"))
        elif state.lost_since is not None:
            detail = f"since {state.lost_since:%Y-%m-%d %H:%M:%S} UTC: {state.reason}"
            found.append(finding(name, Level.PROBLEM, "source_lost", detail))
        else:
            found.append(fine(name, f"sees {many(state.findings.nodes, 'node')}"))
    conflicts = [
        CheckFinding(one.subject, Level.WARNING, one.detail, one.code, one.hint) for one in parts.conflicts()
    ]
    return [*found, *conflicts[:MOST]] or [skipped("sources", "none is configured")]
