"""What may be done with an agreement: the verbs of operators, as one table."""

from dataclasses import dataclass, replace
from enum import StrEnum

from control_plane.model.agreement import Agreement, AgreementState
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


# A revoked partner does not come back by an approval: that takes a state set by hand.
_EFFECTS = {
    Verb.APPROVE: _Effect(_ANY - {AgreementState.REVOKED}, AgreementState.TRUSTED),
    Verb.PAUSE: _Effect(_TRUSTED, paused=True),
    Verb.RESUME: _Effect(_TRUSTED, paused=False),
    Verb.REVOKE: _Effect(_ANY, AgreementState.REVOKED),
}


def after_verb(agreement: Agreement, verb: Verb, *, reason: str) -> Agreement:
    """The agreement after ``verb``. Raises InvalidValueError when its state does not allow that."""
    effect = _EFFECTS[verb]
    if agreement.state not in effect.allowed:
        expected = ", ".join(sorted(effect.allowed))
        raise InvalidValueError(
            "bad_transition",
            f"expected an agreement that is {expected} to {verb}, got one that is {agreement.state}",
        )
    return replace(
        agreement,
        state=effect.state or agreement.state,
        paused=agreement.paused if effect.paused is None else effect.paused,
        reason=reason,
    )


def check_anchored(agreement: Agreement, bundle: Bundle) -> None:
    """Raise InvalidValueError when a partner would be trusted without anything to verify it by."""
    if agreement.state is AgreementState.TRUSTED and not bundle.anchors:
        raise InvalidValueError(
            "no_bundle",
            f"expected trust anchors of {agreement.organisation} before it is trusted, got none",
        )
