"""What may be done with an agreement: the verbs of operators, as one table."""

from dataclasses import dataclass, replace
from enum import StrEnum

from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.bundle import Bundle
from control_plane.model.problem import InvalidValueError

_ANY = frozenset(AgreementState)
_TRUSTED = frozenset({AgreementState.TRUSTED})


class Verb(StrEnum):
    """What an operator does to an agreement."""

    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class _Effect:
    """From which states, and to what; None leaves it as it is."""

    allowed: frozenset[AgreementState]
    state: AgreementState | None = None
    paused: bool | None = None


_CUTTING = frozenset({Verb.PAUSE, Verb.REVOKE})

# A revoked partner does not come back by an approval: that takes a state set by hand.
_EFFECTS = {
    Verb.APPROVE: _Effect(_ANY - {AgreementState.REVOKED}, AgreementState.TRUSTED),
    Verb.PAUSE: _Effect(_TRUSTED, paused=True),
    Verb.RESUME: _Effect(_TRUSTED, paused=False),
    Verb.REVOKE: _Effect(_ANY, AgreementState.REVOKED),
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """When (seconds since the epoch) and by whom something is decided."""

    at: float
    by: str


def with_cut(agreement: Agreement, what: str, occasion: Occasion) -> Agreement:
    """The agreement with its partner's open connections cut because of ``what``."""
    return replace(agreement, cut=Cut(agreement.epoch + 1, occasion.at, occasion.by, what))


def by_hand(before: Agreement | None, after: Agreement, occasion: Occasion) -> Agreement:
    """What an operator set, with what was revoked one by one; cut when it closes what was open."""
    if before is None:
        return after
    kept = replace(
        after,
        revoked_identities=before.revoked_identities,
        revoked_serials=before.revoked_serials,
        cut=before.cut,
    )
    return with_cut(kept, _closing(after), occasion) if before.open and not after.open else kept


def _closing(agreement: Agreement) -> str:
    return "pause" if agreement.state is AgreementState.TRUSTED else "organisation"


def after_verb(agreement: Agreement, verb: Verb, *, reason: str, occasion: Occasion) -> Agreement:
    """The agreement after ``verb``. Raises InvalidValueError when its state does not allow that."""
    effect = _EFFECTS[verb]
    if agreement.state not in effect.allowed:
        expected = ", ".join(sorted(effect.allowed))
        raise InvalidValueError(
            "bad_transition",
            f"expected an agreement that is {expected} to {verb}, got one that is {agreement.state}",
        )
    after = replace(
        agreement,
        state=effect.state or agreement.state,
        paused=agreement.paused if effect.paused is None else effect.paused,
        reason=reason,
    )
    # Also when nothing was open any more: whoever revokes wants to see the proof.
    return with_cut(after, _closing(after), occasion) if verb in _CUTTING else after


def check_anchored(agreement: Agreement, bundle: Bundle) -> None:
    """Raise InvalidValueError when a partner would be trusted without anything to verify it by."""
    if agreement.state is AgreementState.TRUSTED and not bundle.anchors:
        raise InvalidValueError(
            "no_bundle",
            f"expected trust anchors of {agreement.organisation} before it is trusted, got none",
        )
