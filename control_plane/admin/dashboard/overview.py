"""The overview: how it is in one sentence, the picture of the federation, and what happened last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from control_plane.admin import audit_events, status
from control_plane.admin.dashboard.curves import curves
from control_plane.admin.dashboard.figures import Hour
from control_plane.admin.dashboard.finding import find
from control_plane.admin.dashboard.page import Values, ask, partners_of
from control_plane.admin.dashboard.topology import WORDS, Known, draw
from control_plane.admin.dashboard.towns import Seen
from control_plane.admin.node_view import states_of
from control_plane.admin.operation import Call
from control_plane.kit.counted import many
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.ports.traffic import Count

RECENT = 15  # events
SHOWN = 8  # problems, and as many other things that need somebody
_MAX_TEXT = 200  # characters that are looked for
_NOTHING = Count()
_BAD = ("offline", "degraded")


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that is no defect and that somebody should look at, and where."""

    state: str
    subject: str
    place: str
    words: str


async def overview(call: Call, query: Mapping[str, str]) -> Values:
    """The verdict, the picture, what is wrong, and what happened last."""
    deps = call.deps
    state = await ask(call, status.show_status)
    hour = await deps.figures.hour(deps.minutes, deps.now()) if deps.minutes else None
    await deps.towns.catch_up(deps.objects, deps.overview.revision)
    seen = deps.towns.seen(deps.fitness, await states_of(deps))
    known = _known(call, await partners_of(call), seen, hour)
    concerns = [*_of_partners(known), *_of_nodes(known, seen)]
    events = await ask(call, audit_events.list_events, audit_events.AuditFilter(limit=RECENT))
    word, sentence = _verdict(state, known, concerns)
    return {
        "status": state,
        "word": word,
        "sentence": sentence,
        "found": find(query.get("find", "")[:_MAX_TEXT], deps.towns, (each.organisation for each in known)),
        "picture": draw(known),
        "known": known,
        "words": WORDS,
        "curves": curves(hour) if hour else (),
        "events": events.items,
        "recent": RECENT,
        "problems": state.problems[:SHOWN],
        "concerns": concerns[:SHOWN],
        "more": state.problems_total - len(state.problems[:SHOWN]) + len(concerns[SHOWN:]),
    }


def _known(
    call: Call, partners: Mapping[str, Any], seen: Mapping[str, Mapping[str, Seen]], hour: Hour | None
) -> list[Known]:
    """Every partner with an agreement or a node, by name."""
    agreements = call.deps.towns.agreements
    passed = hour.partners if hour else {}
    return [
        Known(
            name,
            _state(agreements.get(name), partners.get(name)),
            {node: found.status for node, found in seen.get(name, {}).items()},
            passed.get(name, _NOTHING),
        )
        for name in call.deps.towns.names()
        if name != call.deps.own
    ]


def _state(agreement: Agreement | None, partner: Any) -> str:  # noqa: ANN401 - a view of the API
    if agreement is None:
        return AgreementState.UNTRUSTED.value
    if agreement.state is AgreementState.TRUSTED:
        if agreement.paused:
            return "paused"
        return "silent" if partner is not None and partner.stale else "open"
    return agreement.state.value


def _of_partners(known: list[Known]) -> Iterator[Concern]:
    for partner in known:
        if partner.state in ("pending", "silent"):
            place = f"organisation?name={quote(partner.organisation)}"
            yield Concern(partner.state, partner.organisation, place, WORDS[partner.state])


def _of_nodes(known: list[Known], seen: Mapping[str, Mapping[str, Seen]]) -> Iterator[Concern]:
    """Nodes of partners that we should reach and do not, the worst first."""
    reachable = [partner for partner in known if partner.state in ("open", "silent")]
    for status_word in _BAD:
        for partner in reachable:
            for node, found in seen.get(partner.organisation, {}).items():
                if found.status == status_word:
                    key = f"{node}@{partner.organisation}"
                    reason = found.reason.replace("_", " ")
                    words = f"{status_word}: {reason}" if reason else status_word
                    yield Concern(status_word, key, f"node?key={quote(key)}", words)


def _verdict(state: Any, known: list[Known], concerns: list[Concern]) -> tuple[str, str]:  # noqa: ANN401 - as above
    """A word, and one sentence: what is wrong or needs somebody, and how many partners may be reached."""
    opened = sum(partner.state == "open" for partner in known)
    reach = f"{opened} of {many(len(known), 'partner')} open" if known else "no partner yet"
    if state.verdict == "starting":
        return "starting", f"Starting: {state.summary}."
    kinds = [concern.state for concern in concerns]
    said = [
        many(count, noun)
        for word, noun in (
            ("offline", "node offline"),
            ("degraded", "node degraded"),
            ("silent", "partner silent"),
            ("pending", "request to approve"),
        )
        if (count := kinds.count(word))
    ]
    if state.verdict != "ok":
        return "problem", f"Needs attention: {'; '.join([state.summary, *said])}; {reach}."
    if said:
        return "warning", f"Traffic passes, but look at {', '.join(said)}; {reach}."
    return "ok", f"All is well: {reach}, {state.summary.partition(',')[0]}."
