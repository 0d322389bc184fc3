"""The control plane's metrics. Each meter is asked by itself: what cannot be read leaves the others.

Never more than 2,000 series: what grows with partners or gateways is cut, and how much was left out is itself
a series. Nothing is counted by node, by resource or by route, except circuits as long as they are not closed.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from control_plane.admin import audit_heads, discovery, gaps, reconciliations
from control_plane.admin.circuits import families
from control_plane.admin.gateways import by_gateway, deliveries_view
from control_plane.admin.listing import every
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.admin.stored import value_of
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.peering import PartnerView
from control_plane.observe import metrics
from control_plane.observe.metrics import Family, Sample
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.errors import UnavailableError

PATH = "/metrics"
TARGETS = f"{API}/metrics/targets"
MAX_ENDING = 1000
MAX_GATEWAYS = 20
MAX_PARTNERS = 100

Meter = Callable[[Call], Awaitable[Sequence[Family]]]


async def state(call: Call) -> Sequence[Family]:
    """What is in memory: the published world, and what is wrong with it."""
    deps = call.deps
    counts, problems = deps.counts(), Counter(problem.code for problem in deps.overview.problems)
    return (
        Family.one("proxenia_info", "Who this is; always 1.", organisation=deps.own, version=deps.version),
        Family.of("proxenia_ready", "1 when nothing is waited for.", float(not deps.waiting())),
        Family.of(
            "proxenia_revision", "The revision of the store that is published.", deps.overview.revision
        ),
        Family(
            "proxenia_objects",
            "Objects of the published revision.",
            ("kind",),
            tuple(Sample((kind.value,), counts.get(kind, 0)) for kind in Kind),
        ),
        Family(
            "proxenia_problems",
            "What is wrong with the objects, by code.",
            ("code",),
            tuple(Sample((code,), number) for code, number in sorted(problems.items())),
        ),
    )


async def gateways(call: Call) -> Sequence[Family]:
    """Which of our gateways are connected, and what they did with what they were sent."""
    known = by_gateway(await call.deps.deliveries.all())
    states = [known[name] for name in sorted(known)]
    shown = states[:MAX_GATEWAYS]
    return (
        Family(
            "proxenia_gateway_connected",
            "1 when the gateway's stream was connected when it was last written down.",
            ("gateway",),
            tuple(Sample((state.gateway,), float(state.connected)) for state in shown),
        ),
        Family(
            "proxenia_gateway_resources",
            "Envoy resources of one type on one gateway, by what became of them.",
            ("gateway", "type", "state"),
            tuple(sample for state in shown for sample in _resources(state)),
        ),
        _left_out("gateways", len(states) - len(shown)),
    )


def _resources(state: GatewayState) -> list[Sample]:
    return [
        Sample((state.gateway, each.type, word), number)
        for each in deliveries_view(state).deliveries
        for word, number in (
            ("wanted", each.wanted),
            ("in_flight", each.in_flight),
            ("acknowledged", each.acknowledged),
            ("refused", len(each.refused)),
        )
    ]


async def partners(call: Call) -> Sequence[Family]:
    """How long ago each partner's control plane was heard, and whether it takes what we say."""
    peering = call.deps.peering
    known = await peering.views.views() if peering else []
    views = sorted(known, key=lambda view: view.organisation)
    shown = views[:MAX_PARTNERS]
    now = call.deps.now()
    heard = [(view, view.heard_at) for view in shown]
    return (
        Family(
            "proxenia_partner_heard_seconds",
            "Seconds since the last heartbeat of the partner's control plane.",
            ("organisation",),
            tuple(Sample((view.organisation,), (now - at).total_seconds()) for view, at in heard if at),
        ),
        _by_partner("proxenia_partner_stale", "1 when it missed three heartbeats.", shown, lambda v: v.stale),
        _by_partner(
            "proxenia_partner_send_failed",
            "1 when it did not take our last heartbeat.",
            shown,
            lambda view: bool(view.send_error),
        ),
        _left_out("partners", len(views) - len(shown)),
    )


def _by_partner(
    name: str, text: str, views: Sequence[PartnerView], judge: Callable[[PartnerView], bool]
) -> Family:
    samples = tuple(Sample((view.organisation,), float(judge(view))) for view in views)
    return Family(name, text, ("organisation",), samples)


async def ending(call: Call) -> Sequence[Family]:
    """How long everything that ends is still good."""
    page = await call.deps.expiries.page(after="", limit=MAX_ENDING)
    return (
        Family(
            "proxenia_expiry_seconds",
            "Seconds until it ends; negative when it has ended. The most urgent ones.",
            ("kind", "subject", "organisation"),
            tuple(
                Sample((str(item.kind), item.subject, item.organisation), item.seconds_left)
                for item in page.items
            ),
        ),
        _left_out("expiry", sum(page.counts.values()) - len(page.items)),
    )


def _left_out(what: str, number: int) -> Family:
    return Family.of(f"proxenia_{what}_left_out", "How many are not among the series.", max(0, number))


async def broken(call: Call) -> Sequence[Family]:
    """Circuits that are not closed; how many there are, whether or not they are among the series."""
    return families(call)


METERS: tuple[Meter, ...] = (
    state,
    gateways,
    partners,
    ending,
    broken,
    reconciliations.meter,
    audit_heads.meter,
    gaps.meter,
    discovery.meter,
)


@route(Operation("GET", PATH, Nothing, str, "Metrics in Prometheus' text format", produces=metrics.TEXT))
async def show_metrics(call: Call, _: Nothing) -> Reply:
    """Every meter that can be read now; ``proxenia_meters_failed`` says how many cannot."""
    families: list[Family] = []
    failed = 0
    for meter in METERS:
        try:
            families += await meter(call)
        except UnavailableError:
            failed += 1
    text = "Groups of metrics that could not be read: the database does not answer."
    families.append(Family.of("proxenia_meters_failed", text, failed))
    return Reply(metrics.render(families))


@dataclass(frozen=True, slots=True)
class Target:
    """What Prometheus scrapes, in the form of its HTTP service discovery."""

    targets: tuple[str, ...]
    labels: dict[str, str]


@route(Operation("GET", TARGETS, Nothing, tuple[Target, ...], "Our gateways, as Prometheus discovers them"))
async def list_targets(call: Call, _: Nothing) -> Reply:
    """Every gateway that says where its metrics are."""
    found = []
    async for stored in every(call.deps.objects, Kind.GATEWAY):
        address = value_of(stored, Gateway).metrics
        if address is not None:
            host = f"[{address.host}]" if ":" in address.host else address.host
            labels = {"gateway": stored.key, "organisation": call.deps.own}
            found.append(Target((f"{host}:{address.port}",), labels))
    return Reply(tuple(found))


ROUTES = (show_metrics, list_targets)
