"""What to do with a bundle that was fetched, and when to fetch the next one. Pure.

A partner may add and remove anchors as it likes, as long as one of those that we trust stays: whoever then
speaks for it could have spoken before. All new ones at once look the same as somebody else in its place, so
an operator decides.
"""

from dataclasses import dataclass
from enum import StrEnum

from control_plane.model.bundle import Bundle
from control_plane.pki.spiffe_bundle import Document

DEFAULT_POLL = 300.0  # seconds
LEAST_POLL = 60.0
MOST_POLL = 3600.0


class Verdict(StrEnum):
    """What becomes of a fetched bundle."""

    KEEP = "keep"  # nothing differs
    TAKE = "take"
    HOLD = "hold"  # until an operator approves it
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Judgement:
    """``bundle`` is what to take or hold; ``code`` is empty when there is nothing to tell operators."""

    verdict: Verdict
    bundle: Bundle
    code: str = ""
    detail: str = ""


def judge(present: Bundle | None, fetched: Bundle, *, hold_replaced: bool = True) -> Judgement:
    """Compare a fetched bundle with the one that we hold.

    Codes: ``sequence_rollback``, ``sequence_reused``, ``trust_withdrawn``, ``anchors_new``,
    ``anchors_replaced``, ``anchors_added``.
    """
    offered = fetched.with_lists_of(present)
    if present is None:
        detail = "expected a bundle that was introduced by an operator or a join, got the first one ever"
        return _hold(fetched, "anchors_new", detail, hold=True)
    if fetched.sequence < present.sequence:
        detail = f"expected sequence {present.sequence} or later, got {fetched.sequence}: an old bundle again"
        return Judgement(Verdict.REFUSE, present, "sequence_rollback", detail)
    same = set(fetched.anchors) == set(present.anchors)
    if fetched.sequence == present.sequence:
        if same:
            return Judgement(Verdict.KEEP, present)
        detail = f"expected the anchors of sequence {present.sequence} as they were, got others"
        return Judgement(Verdict.REFUSE, present, "sequence_reused", detail)
    return (
        Judgement(Verdict.TAKE, offered) if same else _changed(present, offered, hold_replaced=hold_replaced)
    )


def _changed(present: Bundle, offered: Bundle, *, hold_replaced: bool) -> Judgement:
    """A later bundle with other anchors than those that we hold."""
    if not offered.anchors:
        detail = "the partner serves no trust anchor any more: nothing of it is trusted"
        return Judgement(Verdict.TAKE, offered, "trust_withdrawn", detail)
    if not set(offered.anchors) & set(present.anchors):
        detail = "expected one of the anchors that we hold to remain, got none: ask the partner otherwise"
        return _hold(offered, "anchors_replaced", detail, hold=hold_replaced)
    added = len(set(offered.anchors) - set(present.anchors))
    code, detail = ("anchors_added", f"the partner added {added} trust anchors") if added else ("", "")
    return Judgement(Verdict.TAKE, offered, code, detail)


def _hold(bundle: Bundle, code: str, detail: str, *, hold: bool) -> Judgement:
    return Judgement(Verdict.HOLD if hold else Verdict.TAKE, bundle, code, detail)


def wait(document: Document | None) -> float:
    """Seconds until the next fetch: the endpoint's hint, within our limits."""
    hint = document.refresh_hint if document else None
    return DEFAULT_POLL if hint is None else min(MOST_POLL, max(LEAST_POLL, float(hint)))
