"""Everything that ends, and what then breaks; the same as a document and as metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.model.expiry import Expiring
from control_plane.observe import metrics

EXPIRY = f"{API}/federation/expiry"
METRICS = "/metrics"
MAX_ITEMS = 1000  # told at once; the most urgent come first
MAX_SERIES = 1900
SOON = {"warning": "ends soon", "critical": "ends very soon", "expired": "has ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryList:
    """``verdict`` is the worst severity; ``summary`` says why in a line."""

    verdict: str
    summary: str
    items: tuple[Expiring, ...]
    total: int


def verdict_of(items: Sequence[Expiring]) -> tuple[str, str]:
    """The worst severity (``items`` begin with it) and a sentence."""
    if not items:
        return "ok", "nothing that ends"
    worst, counts = items[0], Counter(item.severity for item in items)
    if worst.severity == "ok":
        return "ok", f"{len(items)} with a date, the next to end is {worst.subject}"
    number = counts[worst.severity]
    text = worst.subject if number == 1 else f"{worst.subject} and {number - 1} more"
    return worst.severity, f"{text} {SOON[worst.severity]}: {worst.breaks}"


@route(Operation("GET", EXPIRY, Nothing, ExpiryList, "Everything that ends, the most urgent first"))
async def list_expiry(call: Call, _: Nothing) -> Reply:
    """Our certificates and anchors, partners' anchors and lists, invitations."""
    items = await call.deps.expiries.all()
    verdict, summary = verdict_of(items)
    return Reply(ExpiryList(verdict=verdict, summary=summary, items=items[:MAX_ITEMS], total=len(items)))


@route(Operation("GET", METRICS, Nothing, str, "Metrics in Prometheus' text format", produces=metrics.TEXT))
async def show_metrics(call: Call, _: Nothing) -> Reply:
    """How long everything that ends is still good."""
    items = await call.deps.expiries.all()
    series = [
        metrics.Sample((str(item.kind), item.subject, item.organisation), item.seconds_left)
        for item in items[:MAX_SERIES]
    ]
    family = metrics.Family(
        "proxenia_expiry_seconds",
        "Seconds until it ends; negative when it has ended. The most urgent ones.",
        ("kind", "subject", "organisation"),
        tuple(series),
    )
    left_out = metrics.Family(
        "proxenia_expiry_left_out",
        "How many that end are not among these series.",
        (),
        (metrics.Sample((), max(0, len(items) - MAX_SERIES)),),
    )
    return Reply(metrics.render((family, left_out)))


ROUTES = (list_expiry, show_metrics)
