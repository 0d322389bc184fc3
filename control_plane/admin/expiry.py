"""Everything that ends, and what then breaks."""

from dataclasses import dataclass

from control_plane.admin.listing import PageQuery
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.model.expiry import Expiring, ExpiryPage, Urgency
from control_plane.ports.certificates import Expiries

EXPIRY = f"{API}/federation/expiry"
SOON = {"warning": "ends soon", "critical": "ends very soon", "expired": "has ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryList:
    """``verdict`` is the worst severity; ``summary`` says why in a line."""

    verdict: str
    summary: str
    items: tuple[Expiring, ...]
    next: str | None
    total: int


def verdict_of(page: ExpiryPage) -> tuple[str, str]:
    """The worst severity and a sentence."""
    worst = page.first
    if worst is None:
        return "ok", "nothing that ends"
    number = page.counts[worst.severity]
    if worst.severity == "ok":
        return "ok", f"{number} with a date, the next to end is {worst.subject}"
    text = worst.subject if number == 1 else f"{worst.subject} and {number - 1} more"
    return worst.severity, f"{text} {SOON[worst.severity]}: {worst.breaks}"


async def number_ended(expiries: Expiries) -> int:
    """How much has ended; that can be asked often."""
    return (await expiries.page(after="", limit=1)).counts.get(Urgency.EXPIRED.name.lower(), 0)


@route(Operation("GET", EXPIRY, PageQuery, ExpiryList, "Everything that ends, the most urgent first"))
async def list_expiry(call: Call, query: PageQuery) -> Reply:
    """One page: our certificates and anchors, partners' anchors and lists, invitations."""
    page = await call.deps.expiries.page(after=query.after, limit=query.limit)
    verdict, summary = verdict_of(page)
    total = sum(page.counts.values())
    return Reply(ExpiryList(verdict=verdict, summary=summary, items=page.items, next=page.next, total=total))


ROUTES = (list_expiry,)
