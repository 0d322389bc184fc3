"""What becomes of the tokens beside the API: commands write their file, and so may whoever has its directory.

What is in the file is compared with what the audit has been told, and the difference is told, also that of a
time when nothing ran. A change over the API is in the audit already, by whoever made it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from uuid import uuid4

import structlog
from aiohttp import web

from control_plane.admin.audited import digests
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.ledger import event_of
from control_plane.admin.token_entries import TokenFileError
from control_plane.model.audit import AuditEvent, EventType
from control_plane.ports.errors import UnavailableError

EVERY = 5.0  # seconds
ACTOR = "file:tokens.json"

_log = structlog.get_logger(__name__)


def watching(deps: Dependencies) -> Callable[[web.Application], AsyncIterator[None]]:
    """A context of an application, in which the file is looked at now and then."""

    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_keep_looking(deps), name="tokens in the audit")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return context


async def _keep_looking(deps: Dependencies) -> None:
    while True:
        try:
            if not deps.waiting():
                await look(deps)
        except (UnavailableError, TokenFileError, OSError) as error:
            _log.warning("tokens_not_audited", reason=str(error))
        await asyncio.sleep(EVERY)


async def look(deps: Dependencies) -> None:
    """Tell the audit what is different in the file; UnavailableError: it is told the next time."""
    async with deps.audited.turn:
        path = deps.tokens.path
        known = await asyncio.to_thread(deps.audited.read, path)
        present = digests(await asyncio.to_thread(deps.tokens.entries))
        if present == known:
            return
        await deps.audit.append(list(_events(deps, known, present)))
        await asyncio.to_thread(deps.audited.write, path, present)


def _events(deps: Dependencies, known: Mapping[str, str], present: Mapping[str, str]) -> Iterator[AuditEvent]:
    request_id = str(uuid4())
    differing = sorted(name for name in known.keys() | present.keys() if known.get(name) != present.get(name))
    for number, name in enumerate(differing):
        word = "revoke" if name not in present else "change" if name in known else "create"
        yield event_of(
            deps,
            request_id,
            str(number),
            event_type=EventType.OPERATOR_ACTION,
            principal=ACTOR,
            principal_org=deps.own,
            resource=name,
            action=f"token.{word}",
            decision="allowed",
            metadata={"from": "the file of tokens"},
        )
