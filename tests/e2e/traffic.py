"""Load through the gateways, and what the audits say of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.demo.scene import Scene

ORDERS = "orders@luebeck.example"
PAGE = 500


@dataclass(slots=True)
class Outcome:
    """What the callers saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    correlation_ids: list[str] = field(default_factory=list)


async def send(
    scene: Scene, count: int, *, workers: int = 4, at: dict[int, Callable[[], Awaitable[None]]]
) -> Outcome:
    """``count`` requests of Novgorod to orders@luebeck; ``at[n]`` runs beside the traffic after the n-th."""
    outcome = Outcome()
    numbers = iter(range(count))
    events: list[asyncio.Task[None]] = []

    async def one() -> None:
        for number in numbers:
            if number in at:
                events.append(asyncio.ensure_future(at[number]()))
            answer = await scene.call(scene.novgorod, ORDERS, "/load")
            outcome.statuses[answer.status] += 1
            outcome.correlation_ids.append(
                json.loads(answer.body)["correlation_id"] if answer.status == 200 else ""
            )

    await asyncio.gather(*(one() for _ in range(workers)))
    await asyncio.gather(*events)
    return outcome


async def recorded(organisation: Organisation, direction: str) -> list[str]:
    """The correlation ids of all requests to orders@luebeck in this audit, with repetitions."""
    ids: list[str] = []
    after = ""
    while True:
        page = await organisation.get(
            "/audit/events", resource=ORDERS, limit=str(PAGE), event_type="cross_org_request", after=after
        )
        ids.extend(row["correlation_id"] for row in page["items"] if row["direction"] == direction)
        after = page.get("next") or ""
        if not after:
            return ids


async def agree_on(scene: Scene, outcome: Outcome, *, within: float = 20.0) -> None:
    """Wait for the last row, then demand: each request once in each audit, under the same correlation id."""
    wanted = Counter(outcome.correlation_ids)

    async def complete() -> bool:
        ours = await recorded(scene.novgorod, "egress")
        theirs = await recorded(scene.luebeck, "ingress")
        return set(wanted) <= set(ours) and set(wanted) <= set(theirs)

    await eventually("every request in both audits", complete, within=within)
    for organisation, direction in ((scene.novgorod, "egress"), (scene.luebeck, "ingress")):
        rows = Counter(row for row in await recorded(organisation, direction) if row in wanted)
        assert rows == wanted, f"{organisation.name}: {(rows - wanted).most_common(3)} too many"
