"""Following partners' bundles: fetched, judged, taken over, and never made worse by a failure.

One replica fetches; when is in the database, so that any replica can ask for a fetch, and a restart asks for
none.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid4, uuid5

import structlog

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import NOT_FOLLOWED, BundleSource, BundleState
from control_plane.model.problem import InvalidValueError
from control_plane.observe import origin
from control_plane.pki import spiffe_bundle
from control_plane.pki.certificate import load_certificate
from control_plane.pki.spiffe_bundle import Document
from control_plane.pki.words import anchors_digest
from control_plane.ports.audit import AuditStore
from control_plane.ports.errors import ConflictError, MissingError, UnavailableError
from control_plane.ports.objects import Mode, Objects, Stored, Write
from control_plane.ports.peering import BundleStates, Fetched, Fetcher, Singleton
from control_plane.trust.bundle_change import DEFAULT_POLL, Judgement, Verdict, judge, wait

LOCK = "bundles"
REPORTER = "control-plane"
AT_ONCE = 8  # fetches at the same time
TICK = 1.0  # seconds between looks at what is due
SPACING = 10.0  # seconds between two fetches of one bundle, however often one is asked for
ALARM_AFTER = 3  # fetches in a row without an answer
_DETAIL = 500  # characters
_EVENTS = uuid5(NAMESPACE_URL, "urn:proxenia:audit")
_FOLLOWED = {AgreementState.PENDING, AgreementState.TRUSTED}  # not any more when it is revoked

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerBundles:
    """Implements ports.peering.BundleKeeping; ``run`` is a task of its owner.

    ``hold_replaced``: a bundle that shares no anchor with the one that we hold waits for an operator.
    """

    objects: Objects
    store: BundleStates
    fetcher: Fetcher
    singleton: Singleton
    audit: AuditStore
    own: TrustDomain
    now: Callable[[], datetime]
    hold_replaced: bool = True
    tick: float = TICK

    async def run(self) -> None:
        """Fetch what is due until cancelled; what goes wrong is tried again."""
        while True:
            try:
                async with self.singleton.hold(LOCK) as lease:
                    while await lease.held():
                        await self.round()
                        await asyncio.sleep(self.tick)
            except UnavailableError as error:
                _log.warning("bundles wait for the database", detail=str(error))
            await asyncio.sleep(self.tick)

    async def round(self) -> None:
        """Fetch every bundle that is due; none delays another's by more than its deadline."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(state: BundleState) -> None:
            async with limit:
                try:
                    await self._follow(state)
                except UnavailableError as error:
                    _log.warning("a bundle waits for the database", detail=str(error))
                except Exception:  # noqa: BLE001 - a defect with one partner must not stop the others
                    _log.exception("a bundle could not be followed", organisation=state.source.organisation)

        async with asyncio.TaskGroup() as group:
            for state in await self.store.due():
                group.create_task(one(state), name=f"bundle of {state.source.organisation}")

    async def states(self, *, after: str = "", limit: int | None = None) -> list[BundleState]:
        """Every bundle that is followed, by organisation; at most ``limit`` after a name."""
        return await self.store.all(after=after, limit=limit)

    async def follow(self, source: BundleSource, *, actor: str) -> None:
        """Fetch an organisation's bundle from there."""
        if source.organisation == self.own:
            raise InvalidValueError(
                "own_organisation", f"expected a partner, got our own organisation {self.own}"
            )
        await self._record(
            source.organisation, "bundle.follow", actor=actor, metadata={"url": source.urls[0]}
        )
        await self.store.follow(source)

    async def refresh(self, organisation: TrustDomain) -> None:
        """Fetch soon: a handshake failed with an unknown issuer."""
        await self.store.hurry(organisation, spacing=SPACING)

    async def approve(self, organisation: TrustDomain, *, actor: str) -> Bundle:
        """Take over the bundle that is held for approval; MissingError when none is."""
        held = [one.held for one in await self.store.all() if one.source.organisation == organisation]
        if not held or not held[0]:
            raise MissingError(f"no bundle of {organisation} waits for approval")
        document = spiffe_bundle.parse(held[0].encode(), organisation)
        stored = await self.objects.get(Kind.BUNDLE, organisation)
        judgement = judge(_bundle(stored), document.bundle, hold_replaced=False)
        if judgement.verdict is Verdict.REFUSE:
            raise InvalidValueError(judgement.code, judgement.detail)
        bundle = judgement.bundle
        await self._record(organisation, "bundle.approve", actor=actor, metadata=_facts(bundle))
        await self._write(bundle, stored, actor=actor)
        await self.store.fetched(organisation, Fetched(code="", detail="", seconds=wait(document), held=""))
        return bundle

    async def _follow(self, state: BundleState) -> None:
        organisation = state.source.organisation
        agreement = await self._agreement(organisation)
        if agreement is None or agreement.state not in _FOLLOWED:
            # Without any, a join is just being written.
            seconds = DEFAULT_POLL if agreement else SPACING
            outcome = Fetched(code=NOT_FOLLOWED, detail="we do not agree with it", seconds=seconds)
            await self.store.fetched(organisation, outcome, due_at=state.due_at, spacing=SPACING)
            return
        stored = await self.objects.get(Kind.BUNDLE, organisation)
        present = _bundle(stored)
        document: Document | None = None
        try:
            data = await self.fetcher.fetch(state.source, present.anchors if present else ())
            document = spiffe_bundle.parse(data, organisation)
            judgement = judge(present, document.bundle, hold_replaced=self.hold_replaced)
            outcome = await self._apply(judgement, stored, document)
        except UnavailableError as error:
            outcome = Fetched(
                code="unavailable", detail=str(error)[:_DETAIL], seconds=wait(document), failed=True
            )
        except InvalidValueError as error:
            outcome = Fetched(code=error.code, detail=error.detail[:_DETAIL], seconds=wait(document))
        except (ConflictError, MissingError):  # an operator was quicker: look again
            outcome = Fetched(code=state.code, detail=state.detail, seconds=self.tick)
        await self._alarm(state, outcome)
        await self.store.fetched(organisation, outcome, due_at=state.due_at, spacing=SPACING)

    async def _apply(self, judgement: Judgement, stored: Stored | None, document: Document) -> Fetched:
        """Do what was decided; what to remember of it."""
        bundle = judgement.bundle
        if judgement.verdict is Verdict.TAKE:
            metadata = {**_facts(bundle), "code": judgement.code}
            actor = f"bundle endpoint of {bundle.organisation}"
            await self._record(bundle.organisation, "bundle.take", actor=actor, metadata=metadata)
            await self._write(bundle, stored, actor=actor)
        held = (
            spiffe_bundle.encode(bundle, refresh_hint=0).decode() if judgement.verdict is Verdict.HOLD else ""
        )
        code = "" if judgement.code == "anchors_added" else judgement.code
        return Fetched(code=code, detail=judgement.detail if code else "", seconds=wait(document), held=held)

    async def _write(self, bundle: Bundle, stored: Stored | None, *, actor: str) -> None:
        mode = Mode.REPLACE if stored else Mode.CREATE
        expected = stored.revision if stored else None
        write = Write(Kind.BUNDLE, bundle.key, bundle, mode, expected=expected)
        await self.objects.write([write], actor=actor)

    async def _agreement(self, organisation: TrustDomain) -> Agreement | None:
        stored = await self.objects.get(Kind.AGREEMENT, organisation)
        return stored.value if stored and isinstance(stored.value, Agreement) else None

    async def _alarm(self, before: BundleState, outcome: Fetched) -> None:
        """Tell operators once about each kind of trouble; about silence, when it lasts."""
        organisation = before.source.organisation
        lasting = before.failures + 1 == ALARM_AFTER
        if not outcome.code or (not lasting if outcome.failed else outcome.code == before.code):
            return
        _log.error("a partner's bundle needs attention", organisation=organisation, code=outcome.code)
        await self._record(
            organisation, "bundle.alarm", reason=outcome.code, metadata={"detail": outcome.detail}
        )

    async def _record(
        self,
        organisation: TrustDomain,
        action: str,
        *,
        actor: str = "",
        reason: str = "",
        metadata: dict[str, str],
    ) -> None:
        row_id = uuid4().hex
        event = AuditEvent(
            event_id=str(uuid5(_EVENTS, f"{REPORTER}/{row_id}")),
            reporter=REPORTER,
            row_id=row_id,
            timestamp=self.now(),
            event_type=EventType.CROSS_ORG_AUTHORIZATION,
            correlation_id=origin.request_id(),
            principal=actor,
            principal_org=organisation,
            resource=organisation,
            action=action,
            decision="denied" if reason else "allowed",
            reason=reason,
            metadata=origin.facts() | metadata,
        )
        await self.audit.append([event])


def _bundle(stored: Stored | None) -> Bundle | None:
    return stored.value if stored and isinstance(stored.value, Bundle) else None


def _facts(bundle: Bundle) -> dict[str, str]:
    """What the audit says of a bundle."""
    digest = anchors_digest(load_certificate(anchor) for anchor in bundle.anchors).hex()
    return {"sequence": str(bundle.sequence), "anchors": str(len(bundle.anchors)), "sha256": digest}
