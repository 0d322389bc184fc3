"""Starting long work by a form, showing how far it is, and handing over the file that came of it."""

import asyncio
import os
from collections.abc import Mapping

from aiohttp import web

from control_plane.admin.dashboard.doing import CallOf, check_role, checked_form
from control_plane.admin.dashboard.forms import ROOT, see_other
from control_plane.admin.dashboard.labours import LABOURS
from control_plane.admin.dashboard.page import Values
from control_plane.admin.dashboard.sessions import Session
from control_plane.admin.dashboard.work import Work, Works
from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError

_PIECE = 1 << 18  # bytes
_MEDIA = {"jsonl": "application/x-ndjson", "csv": "text/csv"}


class Working:
    """The forms and files of ``works``."""

    def __init__(self, works: Works, call_of: CallOf) -> None:
        self._works = works
        self._call_of = call_of

    async def start(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Begin what a form asks for; then the page that shows it."""
        form = await checked_form(request, session)
        labour = LABOURS.get(kind := form.pop("kind", ""))
        if labour is None:
            raise ApiError("not_found", f"expected one of {', '.join(LABOURS)}")
        check_role(session, labour.role)
        call, given = self._call_of(request, session, {}), labour.given(form)
        work = Work(kind, labour.title, session.holder.name, labour.back)
        made = self._works.start(work, lambda begun: labour.do(call, given, begun))
        return see_other(f"{ROOT}work?id={made}")

    async def file(self, request: web.Request, _: Session) -> web.StreamResponse:
        """The file that work has made."""
        work = self._works.find(request.query.get("id", ""))
        if work.file is None or work.running or work.refusal is not None:
            raise ApiError("not_found", "expected work that has made a file")
        handle = os.dup(work.file.fileno())  # it stays readable when the work is forgotten meanwhile
        try:
            return await _send(request, work, handle)
        finally:
            os.close(handle)


async def _send(request: web.Request, work: Work, handle: int) -> web.StreamResponse:
    answer = web.StreamResponse(
        headers={
            "Content-Type": _MEDIA[work.name.rpartition(".")[2]],
            "Content-Disposition": f'attachment; filename="{work.name}"',
            "Content-Length": str(os.fstat(handle).st_size),
        }
    )
    await answer.prepare(request)
    place = 0
    while piece := await asyncio.to_thread(os.pread, handle, _PIECE, place):
        await answer.write(piece)
        place += len(piece)
    return answer


async def shown(call: Call, query: Mapping[str, str]) -> Values:
    """The page of one work."""
    identifier = query.get("id", "")
    return {"work": call.deps.works.find(identifier), "id": identifier}
