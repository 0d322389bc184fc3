"""The change of our anchors, carried out: gathers what is known, lets ``rotation`` decide, writes it down.

Every replica runs this. The state is a file under the lock of the authority's directory (anchor_file.py), so
whoever comes second finds the step done.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import NAMESPACE_URL, uuid4, uuid5

import structlog

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.model.rotation import Phase, RotationView
from control_plane.observe import origin
from control_plane.ports.audit import AuditStore
from control_plane.ports.errors import UnavailableError
from control_plane.trust.authority import Authority
from control_plane.trust.rotation import (
    AnchorState,
    Rotation,
    abort,
    announce,
    confirm,
    decide,
    proof_since,
    waiting,
)
from control_plane.trust.rotation_facts import Sources

TICK = 1.0  # seconds between looks
REPORTER = "control-plane"
CHANGED = "changed_meanwhile"
_EVENTS = uuid5(NAMESPACE_URL, "urn:proxenia:audit")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotating:
    """Implements ports.certificates.Rotations; ``run`` is a task of its owner.

    ``sources`` are asked with what of the authority is read, never with what is remembered.
    """

    own: TrustDomain
    authority: Authority
    sources: Sources
    audit: AuditStore
    clock: Callable[[], datetime]
    tick: float = TICK
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # an order and a step wait for each other

    async def run(self) -> None:
        """Take step after step until cancelled; the database's absence delays, and nothing else."""
        while True:
            try:
                await self.step()
            except UnavailableError as error:
                _log.warning("the rotation waits for the database", detail=str(error))
            except InvalidValueError as error:
                log = _log.debug if error.code == CHANGED else _log.error  # another replica was first
                log("the rotation cannot go on", code=error.code, detail=error.detail)
            await asyncio.sleep(self.tick)

    async def step(self) -> None:
        """At most one step, if there is a rotation and nothing that it waits for."""
        async with self.turn:
            await self._step()

    async def _step(self) -> None:
        seen = self.authority.state()
        if seen.rotation is None:
            return
        facts = await self.sources.facts(seen.rotation, self.clock())
        after = decide(seen, facts, sequence=_sequence(seen, facts.now))
        if after == seen:
            return
        phase = after.rotation.phase if after.rotation else None
        if phase is not seen.rotation.phase:
            # The audit comes first: if it cannot be written, nothing is changed.
            await self._record(f"rotation.{phase or _ended(seen.rotation)}", REPORTER, seen)
        await self._change(seen, after, facts.now)

    async def show(self) -> RotationView:
        """How it stands."""
        state = self.authority.state()
        return await self._view(state)

    async def start(self, *, actor: str) -> RotationView:
        """Announce a new root beside the present one."""
        async with self.turn:
            seen, now = self.authority.state(), self.clock()
            sequence = _sequence(seen, now)
            after = announce(seen, f"root-{sequence}", sequence=sequence, actor=actor, now=now)
            await self._record("rotation.announced", actor, seen)
            await self._change(seen, after, now)
        return await self.show()

    async def abort(self, *, actor: str) -> RotationView:
        """Return to the old root alone."""
        async with self.turn:
            seen, now = self.authority.state(), self.clock()
            after = abort(seen, sequence=_sequence(seen, now), now=now)
            await self._record("rotation.abort", actor, seen)
            await self._change(seen, after, now)
        return await self.show()

    async def confirm(self, name: str, *, actor: str) -> RotationView:
        """Go on, at the present step, without waiting for ``name``."""
        async with self.turn:
            seen = self.authority.state()
            facts = await self.sources.facts(seen.rotation, self.clock())
            after = confirm(seen, name, facts, actor=actor)
            await self._record("rotation.confirm", actor, seen, name=name)
            await self._change(seen, after, facts.now)
        return await self.show()

    async def _change(self, seen: AnchorState, after: AnchorState, now: datetime) -> None:
        """Write ``after``, if nobody has taken another step meanwhile."""

        def decided(present: AnchorState) -> AnchorState:
            if present != seen:
                raise InvalidValueError(
                    CHANGED,
                    "expected the rotation as it was read, got another step: look again",
                )
            return after

        await asyncio.to_thread(self.authority.change, decided, now=now)
        phase = after.rotation.phase if after.rotation else "none"
        _log.info("rotation", phase=str(phase), sequence=after.sequence)

    async def _view(self, state: AnchorState) -> RotationView:
        anchors = self.authority.fingerprints()
        rotation = state.rotation
        if rotation is None:
            summary = "no rotation under way"
            return RotationView(phase="", summary=summary, sequence=state.sequence, anchors=anchors)
        facts = await self.sources.facts(rotation, self.clock())
        still = waiting(rotation, facts)
        summary = f"waits for {', '.join(sorted({one.name for one in still}))}" if still else "goes on"
        since = proof_since(rotation, self.sources.longest)
        if since is not None and since > facts.now:
            summary = (
                f"counts requests as proof from {since:%H:%M:%S} UTC on, when older connections are gone"
            )
        return RotationView(
            phase=rotation.phase,
            summary=summary,
            sequence=state.sequence,
            started_at=rotation.started_at,
            started_by=rotation.started_by,
            changed_at=rotation.changed_at,
            waiting=still,
            confirmed=rotation.confirmed,
            anchors=anchors,
        )

    async def _record(self, action: str, actor: str, seen: AnchorState, *, name: str = "") -> None:
        row_id = str(uuid4())
        event = AuditEvent(
            event_id=str(uuid5(_EVENTS, f"{REPORTER}/{row_id}")),
            reporter=REPORTER,
            row_id=row_id,
            timestamp=self.clock(),
            event_type=EventType.OPERATOR_ACTION,
            correlation_id=origin.request_id(),
            principal=actor,
            principal_org=self.own,
            resource=name or self.own,
            action=action,
            decision="allowed",
            metadata=origin.facts()
            | {
                "sequence": str(seen.sequence),
                "phase": str(seen.rotation.phase) if seen.rotation else "",
            },
        )
        await self.audit.append([event])


def _sequence(state: AnchorState, now: datetime) -> int:
    """The next bundle's sequence: greater than the last, and than any before a restored backup."""
    return max(state.sequence + 1, int(now.timestamp()))


def _ended(rotation: Rotation) -> str:
    return "aborted" if rotation.phase is Phase.ABORTING else "finished"
