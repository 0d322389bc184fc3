"""Which step of a change of anchors comes next (pure): nothing goes on without what it waits for.

Two roots overlap: partners get the new one before anything is signed below it, and lose the old one only
after requests have passed with certificates of the new one. Every step before that can be taken back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import ClassVar

from control_plane.model.problem import InvalidValueError
from control_plane.model.rotation import Confirmation, Phase, Waiting
from control_plane.ports.certificates import Crossing

_FOLLOWING = {
    Phase.ANNOUNCED: Phase.ACKNOWLEDGED,
    Phase.ACKNOWLEDGED: Phase.TAKEN_OVER,
    Phase.TAKEN_OVER: Phase.SWITCHED,
    Phase.SWITCHED: Phase.PROVEN,
}
BUSY_WITHIN = timedelta(minutes=10)  # before the switch: who had traffic then must prove the new root


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A change of anchors under way. ``old`` and ``new`` name the directories of their keys.

    ``sequence`` is that of the bundle that announced it. ``renewed_at`` is when the last of our gateways had
    a certificate of the new root; ``busy`` who exchanged requests with us shortly before the switch, and
    ``proven`` who has done so on a connection that cannot be older than ``renewed_at``.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    phase: Phase
    old: str
    new: str
    sequence: int
    started_at: datetime
    started_by: str
    changed_at: datetime
    renewed_at: datetime | None = None
    busy: tuple[Crossing, ...] = ()
    proven: tuple[Crossing, ...] = ()
    confirmed: tuple[Confirmation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorState:
    """Which roots are ours. ``signing`` and ``published`` name directories, the oldest first."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    sequence: int
    signing: str
    published: tuple[str, ...]
    rotation: Rotation | None = None


@dataclass(frozen=True, slots=True)
class PartnerFacts:
    """What a partner said: the sequence of our bundle that it holds, and that its gateways work with."""

    organisation: str
    holds: int | None = None
    gateways: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at ``now``. ``behind`` are our gateways without a certificate of the present signer.

    ``busy`` counts at the switch, ``crossed`` after it.
    """

    now: datetime
    partners: tuple[PartnerFacts, ...] = ()
    behind: tuple[str, ...] = ()
    busy: frozenset[Crossing] = field(default=frozenset())
    crossed: frozenset[Crossing] = field(default=frozenset())


def announce(state: AnchorState, new: str, *, sequence: int, actor: str, now: datetime) -> AnchorState:
    """Put the root of ``new`` into the bundle, beside the present one."""
    if state.rotation is not None:
        raise InvalidValueError(
            "rotation_in_progress",
            f"expected no rotation under way, got one that is {state.rotation.phase}: finish or abort it",
        )
    rotation = Rotation(
        phase=Phase.ANNOUNCED,
        old=state.signing,
        new=new,
        sequence=sequence,
        started_at=now,
        started_by=actor,
        changed_at=now,
    )
    return AnchorState(
        sequence=sequence, signing=state.signing, published=(*state.published, new), rotation=rotation
    )


def waiting(rotation: Rotation, facts: Facts) -> tuple[Waiting, ...]:
    """What the present step still waits for, without what an operator confirmed at this step."""
    confirmed = {one.name for one in rotation.confirmed if one.phase is rotation.phase}
    return tuple(one for one in _wanted(rotation, facts) if one.name not in confirmed)


def _wanted(rotation: Rotation, facts: Facts) -> Iterator[Waiting]:
    match rotation.phase:
        case Phase.ANNOUNCED:
            held = {partner.organisation: partner.holds for partner in facts.partners}
            return _lacking(held, "it holds", rotation.sequence)
        case Phase.ACKNOWLEDGED:
            used = {partner.organisation: partner.gateways for partner in facts.partners}
            partners = _lacking(used, "its gateways work with", rotation.sequence)
            return chain(partners, _behind(facts, "has not fetched both anchors yet"))
        case Phase.SWITCHED if rotation.renewed_at is None:
            return _behind(facts, "has no certificate of the new root yet")
        case Phase.SWITCHED:
            return _unproven(rotation, facts)
        case Phase.ABORTING:
            return _behind(facts, "has no certificate of the old root yet")
        case Phase.TAKEN_OVER | Phase.PROVEN:
            return iter(())


def decide(state: AnchorState, facts: Facts, *, sequence: int) -> AnchorState:
    """The state after at most one step; ``sequence`` is that of the next bundle, if there is one."""
    rotation = state.rotation
    if rotation is None:
        return state
    rotation = replace(rotation, proven=_proven(rotation, facts))
    state = replace(state, rotation=rotation)
    if waiting(rotation, facts):
        return state
    return _step(state, rotation, facts, sequence=sequence)


def _step(state: AnchorState, rotation: Rotation, facts: Facts, *, sequence: int) -> AnchorState:
    phase = rotation.phase
    if phase is Phase.SWITCHED and rotation.renewed_at is None:
        return replace(state, rotation=replace(rotation, renewed_at=facts.now))
    if phase is Phase.TAKEN_OVER:
        state = replace(state, signing=rotation.new)
        rotation = replace(rotation, busy=tuple(sorted(facts.busy)))
    if phase in _FOLLOWING:
        return _next(state, rotation, _FOLLOWING[phase], facts.now)
    kept, gone = (rotation.new, rotation.old) if phase is Phase.PROVEN else (rotation.old, rotation.new)
    return AnchorState(sequence=sequence, signing=kept, published=_without(state, gone))


def abort(state: AnchorState, *, sequence: int, now: datetime) -> AnchorState:
    """Take it back: at once while the old root signs, else as soon as our gateways have its certificates."""
    rotation = _under_way(state)
    if rotation.phase in {Phase.ANNOUNCED, Phase.ACKNOWLEDGED, Phase.TAKEN_OVER}:
        return AnchorState(sequence=sequence, signing=rotation.old, published=_without(state, rotation.new))
    if rotation.phase is Phase.ABORTING:
        return state
    return _next(replace(state, signing=rotation.old), rotation, Phase.ABORTING, now)


def confirm(state: AnchorState, name: str, facts: Facts, *, actor: str) -> AnchorState:
    """Let the present step go on without ``name``; only what it waits for can be confirmed."""
    rotation = _under_way(state)
    names = [one.name for one in waiting(rotation, facts)]
    if name not in names:
        raise InvalidValueError(
            "not_waited_for",
            f"expected one of what step {rotation.phase} waits for ({', '.join(names) or 'nothing'}),"
            f" got {name!r:.80}",
        )
    word = Confirmation(name=name, phase=rotation.phase, actor=actor, at=facts.now)
    return replace(state, rotation=replace(rotation, confirmed=(*rotation.confirmed, word)))


def proof_since(rotation: Rotation, longest: timedelta) -> datetime | None:
    """From when on a request proves the new root: connections of before are gone after ``longest``."""
    if rotation.phase is not Phase.SWITCHED or rotation.renewed_at is None:
        return None
    return rotation.renewed_at + longest


def _under_way(state: AnchorState) -> Rotation:
    if state.rotation is None:
        raise InvalidValueError("no_rotation", "expected a rotation under way, got none: start one")
    return state.rotation


def _next(state: AnchorState, rotation: Rotation, phase: Phase, now: datetime) -> AnchorState:
    return replace(state, rotation=replace(rotation, phase=phase, changed_at=now))


def _without(state: AnchorState, name: str) -> tuple[str, ...]:
    return tuple(one for one in state.published if one != name)


def _proven(rotation: Rotation, facts: Facts) -> tuple[Crossing, ...]:
    if rotation.phase is not Phase.SWITCHED:
        return rotation.proven
    return tuple(sorted({*rotation.proven, *(facts.crossed & set(rotation.busy))}))


def _behind(facts: Facts, reason: str) -> Iterator[Waiting]:
    return (Waiting(f"gateway {gateway}", reason) for gateway in facts.behind)


def _lacking(said: Mapping[str, int | None], what: str, wanted: int) -> Iterator[Waiting]:
    for name, got in said.items():
        if got is None or got < wanted:
            word = "no word yet" if got is None else got
            yield Waiting(name, f"expected {what} our bundle {wanted} or later, got {word}")


def _unproven(rotation: Rotation, facts: Facts) -> Iterator[Waiting]:
    for crossing in rotation.busy:
        if crossing not in rotation.proven and crossing not in facts.crossed:
            reason = f"no {crossing.direction} request has passed on a new connection yet"
            yield Waiting(crossing.organisation, reason)
