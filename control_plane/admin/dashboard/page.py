"""What a page is, and how it asks the API's own operations.

A page asks nothing that its reader could not ask of the API: what is gathered here needs the role viewer.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from control_plane.admin.listing import MAX_PAGE, PageQuery
from control_plane.admin.operation import Call, Nothing, Route

Values = dict[str, Any]
Gather = Callable[[Call, Mapping[str, str]], Awaitable[Values]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its path below the dashboard, its name in the menu (empty: not there), and what it shows."""

    path: str
    title: str
    template: str
    gather: Gather


async def ask(call: Call, route: Route, given: object = None, **path: str) -> Any:  # noqa: ANN401 - each operation has its own
    """What an operation of the API answers; ``path`` are the parameters of its path."""
    asked = replace(call, path=path) if path else call
    return (await route.run(asked, Nothing() if given is None else given)).value


async def ask_all(call: Call, route: Route, asked: PageQuery | None = None) -> Any:  # noqa: ANN401 - as above
    """The first thousand of a list, with what its first page says beside; ``next`` None: these are all."""
    first = page = await ask(call, route, asked or PageQuery(limit=MAX_PAGE))
    items = list(page.items)
    while page.next is not None and len(items) < MAX_PAGE:
        page = await ask(call, route, replace(asked or PageQuery(limit=MAX_PAGE), after=page.next))
        items += page.items
    more = page.next is not None or len(items) > MAX_PAGE
    return replace(first, items=tuple(items[:MAX_PAGE]), next=(page.next or "") if more else None)


async def partners_of(call: Call) -> dict[str, Any]:
    """How partners see us, by name; empty where no peering endpoint is set."""
    if call.deps.peering is None:
        return {}
    return {view.organisation: view for view in await call.deps.peering.views.views()}
