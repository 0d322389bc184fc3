"""Whether somebody may do something: what the gateways would say, without sending anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from control_plane.admin.ledger import event_of
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.authorization import Asked, Message, check_path
from control_plane.model.identity import SpiffeId, shown
from control_plane.model.node import check_text
from control_plane.model.problem import InvalidValueError
from control_plane.ports.explain import Judging

AUTHORIZE = f"{API}/federation/authorize"
BOTH = "application/json, text/event-stream"

_HTTP = re.compile(r"[A-Z]{1,16}\Z")
_CONTEXT = ("accept", "certificate_serial", "path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who wants to do what with which resource (``name@organisation``).

    ``action`` is an HTTP method, with a path as ``capability``; or the method of an MCP message
    (``tools/call``), with a tool as ``capability``. ``context`` may name ``accept``, ``path`` (of an MCP
    message) and ``certificate_serial``.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    principal: SpiffeId
    resource: str
    action: str = "GET"
    capability: str = ""
    context: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, text in (("a resource", self.resource), ("an action", self.action)):
            check_text(what, text)
        if self.resource.count("@") != 1:
            raise InvalidValueError(
                "bad_parameter", f"expected name@organisation, got {shown(self.resource)}"
            )
        unknown = sorted(set(self.context) - set(_CONTEXT))
        if unknown:
            raise InvalidValueError(
                "bad_parameter", f"expected {', '.join(_CONTEXT)} as context, got {shown(unknown[0])}"
            )
        for text in (self.capability, *self.context.values()):
            check_text("a context", text)
        self.asked()

    def asked(self) -> Asked:
        """The request as the ingress would see it."""
        serial = self.context.get("certificate_serial", "")
        if _HTTP.match(self.action):
            path = check_path(self.capability or "/")
            accept = self.context.get("accept", "*/*")
            return Asked(self.principal, self.action, path, serial, accept)
        path = check_path(self.context.get("path", "/"))
        message = Message(self.action, self.capability)
        return Asked(self.principal, "POST", path, serial, BOTH, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``decision`` is ``allowed`` or ``denied``, and may be kept for ``ttl_seconds``.

    ``policy_id`` is what the audit row of such a request would show; ``shadow_policy_id`` a shadow grant that
    would have allowed it.
    """

    decision: str
    reason: str
    detail: str
    hint: str
    policy_id: str
    ttl_seconds: int
    conditions: tuple[str, ...]
    shadow_policy_id: str
    checked_at: datetime


def judging(call: Call) -> Judging:
    """The part that knows the rules in force. Raises ApiError where there is none."""
    if call.deps.judging is None:
        raise ApiError("unavailable", "expected a running core, got none")
    return call.deps.judging


@route(Operation("POST", AUTHORIZE, Asking, Verdict, "What the gateways would say to a request"))
async def authorize(call: Call, asking: Asking) -> Reply:
    """From the rules that they have; asking is recorded."""
    answer = judging(call).authorize(asking.resource, asking.asked(), now=call.deps.now())
    decision = "allowed" if answer.allowed else "denied"
    await call.deps.audit.append([_event(call, asking, decision, answer.reason, answer.policy_id)])
    verdict = Verdict(
        decision=decision,
        reason=answer.reason,
        detail=answer.detail,
        hint=answer.hint,
        policy_id=answer.policy_id,
        ttl_seconds=answer.ttl_seconds,
        conditions=answer.conditions,
        shadow_policy_id=answer.shadow_policy_id,
        checked_at=answer.checked_at,
    )
    return Reply(verdict)


def _event(call: Call, asking: Asking, decision: str, reason: str, policy_id: str) -> AuditEvent:
    return event_of(
        call.deps,
        call.request_id,
        event_type=EventType.CROSS_ORG_AUTHORIZATION,
        principal=asking.principal,
        principal_org=asking.principal.trust_domain,
        resource=asking.resource,
        capability=asking.capability,
        action=asking.action,
        decision=decision,
        reason=reason,
        policy_id=policy_id,
        metadata={"asked_by": call.actor},
    )


ROUTES = (authorize,)
