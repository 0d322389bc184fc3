"""Everything that ends, and what then breaks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.model.expiry import Expiring

EXPIRY = f"{API}/federation/expiry"
MAX_ITEMS = 1000  # told at once; the most urgent come first
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


ROUTES = (list_expiry,)
