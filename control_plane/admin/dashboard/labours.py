"""What is done as long work: verifying, comparing, exporting, and checking; each an operation of the API."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from control_plane.admin import audit_export, audit_verify, checks, reconciliations
from control_plane.admin.dashboard.doing import read_input
from control_plane.admin.dashboard.work import Work
from control_plane.admin.operation import Call, Nothing, Route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.ports.reconciliation import Stage

MAX_FILE = 1 << 30  # bytes of an export here; the command line has no limit
_TOO_LARGE = f"expected at most {MAX_FILE >> 20} MiB here: proxenia audit export writes any size"
_BATCH = 1 << 18  # bytes that are written at once
_LOOK = 0.25  # seconds between looks how far a comparison is

Do = Callable[[Call, Any, Work], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Labour:
    """One kind of long work: the operation that it asks, and how."""

    title: str
    route: Route
    back: str  # the page that it is about
    do: Do

    @property
    def role(self) -> Role:
        """Who may start it."""
        return self.route.operation.role or Role.VIEWER

    def given(self, form: Mapping[str, str]) -> Any:  # noqa: ANN401 - each operation has its own
        """The input that a form gives; empty fields are not given."""
        return read_input(self.route, {name: value for name, value in form.items() if value.strip()})


async def run(call: Call, route: Route, given: object) -> Any:  # noqa: ANN401 - as above
    """What an operation answers within its own deadline."""
    try:
        async with asyncio.timeout(route.operation.deadline):
            return (await route.run(call, given)).value
    except TimeoutError as error:
        late = f"expected an answer within {route.operation.deadline:g} s, got none"
        raise ApiError("outcome_unknown", late) from error


async def _verify(call: Call, given: audit_verify.VerifyQuery, work: Work) -> None:
    work.unit = "rows"
    after, first = "", None
    while True:
        query = audit_verify.VerifyQuery(since=given.since, until=given.until, after=after)
        found = await run(call, audit_verify.verify, query)
        first = found.first if first is None else first
        work.done, work.total = found.verified, found.total
        work.result = {"found": found, "first": first}
        if found.next is None:
            return
        after = found.next


async def _answer(call: Call, given: object, work: Work, route: Route) -> None:
    work.result = await run(call, route, given)


async def _reconcile(call: Call, given: reconciliations.NewReconciliation, work: Work) -> None:
    """How far it is comes from the list of those that go on."""
    work.total, work.unit = 100, "%"
    asking = asyncio.create_task(_answer(call, given, work, reconciliations.reconcile))
    try:
        while not (await asyncio.wait([asking], timeout=_LOOK))[0]:
            for one in (await run(call, reconciliations.list_running, Nothing())).items:
                if (one.organisation, one.actor) == (given.organisation, call.actor):
                    work.done, work.told = round(100 * one.share), _stage_of(one)
        await asking
        work.done, work.told = 100, ""
    finally:
        asking.cancel()


def _stage_of(one: reconciliations.RunningView) -> str:
    if one.stage is Stage.NAMING:
        return f"{one.named:,} of {one.to_name:,} differences are looked up"
    return f"{one.stage}: {one.ours:,} rows of ours, {one.theirs:,} of theirs"


async def _isolation(call: Call, _: Nothing, work: Work) -> None:
    await _answer(call, Nothing(), work, checks.check_trust)


async def _export(call: Call, given: object, work: Work) -> None:
    """With the proof, as it is."""
    file = work.open_file("audit.jsonl")
    await _written(call, given, work, lambda lines: file.write(b"".join(lines)))
    file.flush()


async def _export_csv(call: Call, given: object, work: Work) -> None:
    """The rows alone, as a table."""
    text = io.TextIOWrapper(work.open_file("audit.csv"), encoding="utf-8", newline="", write_through=True)
    table: list[csv.DictWriter[str]] = []

    def write(lines: list[bytes]) -> None:
        for row in (json.loads(line) for line in lines):
            if row["type"] != "row":
                continue
            flat = {"number": row["number"], **row["event"]}
            flat["metadata"] = json.dumps(flat["metadata"], ensure_ascii=False)
            if not table:
                table.append(csv.DictWriter(text, list(flat)))
                table[0].writeheader()
            table[0].writerow({name: harmless(value) for name, value in flat.items()})

    await _written(call, given, work, write)
    text.detach().flush()


def harmless(value: object) -> object:
    """A value that no spreadsheet takes for a formula: others chose what is in it."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value


async def _written(call: Call, given: object, work: Work, write: Callable[[list[bytes]], object]) -> None:
    work.unit = "rows"
    batch: list[bytes] = []
    size = written = 0
    async with aclosing(await run(call, audit_export.export, given)) as found:
        async for line in found:
            work.done += b'"type":"row"' in line
            batch.append(line)
            size += len(line)
            if size >= _BATCH:
                written += size
                if written > MAX_FILE:
                    raise ApiError("body_too_large", _TOO_LARGE)
                await asyncio.to_thread(write, batch)
                batch, size = [], 0
    await asyncio.to_thread(write, batch)


LABOURS: Mapping[str, Labour] = {
    "verify": Labour("Verifying the audit", audit_verify.verify, "audit", _verify),
    "reconcile": Labour("Comparing the audits", reconciliations.reconcile, "reconciliation", _reconcile),
    "export": Labour("Exporting the audit with its proof", audit_export.export, "audit", _export),
    "csv": Labour("Exporting the audit as a table", audit_export.export, "audit", _export_csv),
    "isolation": Labour("Offering certificates that must not work", checks.check_trust, "check", _isolation),
}
