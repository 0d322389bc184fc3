"""What partners witnessed of our audit log, what we witnessed of theirs, and heads that were refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.dependencies import AuditParts
from control_plane.admin.ledger import note
from control_plane.admin.listing import PAGE, PageQuery, cut
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.model.identity import TrustDomain
from control_plane.observe.metrics import Family, Sample

HEADS = f"{API}/audit/heads"
MAX_EVIDENCE = 100
MAX_METERED = 100  # partners


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessedHead:
    """``side`` ours: our head, countersigned by the partner; theirs: its head, countersigned by us."""

    side: str
    organisation: TrustDomain
    log_id: str
    size: int
    head: str
    countersigned: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedHead:
    """A partner's head that does not continue the one that we witnessed; both are signed by it."""

    organisation: TrustDomain
    code: str
    detail: str
    held: str
    offered: str
    proof: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadList:
    """The last heads of each side; ``refused`` (on the first page): those that no operator has settled."""

    items: tuple[WitnessedHead, ...]
    refused: tuple[RefusedHead, ...]
    next: str | None


def _parts(call: Call) -> AuditParts:
    if call.deps.audits is None:
        raise ApiError("peering_off", "expected a peering endpoint, got none: set peering_listen")
    return call.deps.audits


@route(Operation("GET", HEADS, PageQuery, HeadList, "Witnessed heads of audit logs"))
async def list_heads(call: Call, query: PageQuery) -> Reply:
    """One page, by organisation: all that an auditor needs to prove how far a log had come."""
    kept, limit = _parts(call).heads, min(query.limit, PAGE)
    organisation, _, from_side = query.after.partition("|")
    found = await kept.all(after=(organisation, from_side), limit=limit + 1)
    page, following = cut(found, limit, lambda one: f"{one[1].organisation}|{one[0]}")
    items = tuple(
        WitnessedHead(
            side=side,
            organisation=held.organisation,
            log_id=held.log_id,
            size=held.size,
            head=held.head.decode(),
            countersigned=held.countersigned.decode(),
            at=held.at,
        )
        for side, held in page
    )
    refused = tuple(
        RefusedHead(
            organisation=one.organisation,
            code=one.code,
            detail=one.detail,
            held=one.held.decode(),
            offered=one.offered.decode(),
            proof=tuple(node.hex() for node in one.proof),
            at=one.at,
        )
        for one in ([] if query.after else await kept.evidence(limit=MAX_EVIDENCE))
    )
    return Reply(HeadList(items=items, refused=refused, next=following))


@route(
    Operation(
        "POST",
        HEADS + "/{organisation}/accept",
        Nothing,
        None,
        "Believe a partner's audit log anew",
        Role.ADMIN,
        status=204,
        keyed=Keyed.APART,
    )
)
async def accept_log(call: Call, _: Nothing) -> Reply:
    """After its operator has explained a refused head; the refused ones stay as they are."""
    organisation = TrustDomain(call.path["organisation"])
    kept = _parts(call).heads
    await note(call, "audit.accept_log", organisation)
    await kept.accept(organisation, actor=call.actor)
    return Reply()


async def meter(call: Call) -> Sequence[Family]:
    """How far each log is witnessed, and refused heads, as metrics."""
    parts, now = call.deps.audits, call.deps.now()
    found = await parts.heads.all(limit=2 * MAX_METERED) if parts else []
    refused = await parts.heads.evidence(limit=MAX_EVIDENCE) if parts else []
    return (
        Family(
            "proxenia_audit_head_witnessed_seconds",
            "Seconds since a head of this side's log was last witnessed by the other.",
            ("organisation", "side"),
            tuple(Sample((held.organisation, side), (now - held.at).total_seconds()) for side, held in found),
        ),
        Family.of(
            "proxenia_audit_heads_refused",
            "Heads of partners that do not continue what was witnessed, not settled yet.",
            len(refused),
        ),
    )


ROUTES = (list_heads, accept_log)
