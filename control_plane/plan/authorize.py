"""What Envoy would say to a request, by the same value that its rules are translated from.

A property test drives the same requests through this and through a real Envoy.
"""

from bisect import bisect_left
from dataclasses import dataclass

from control_plane.model.authorization import BASE_METHODS, CALL, Asked, Message
from control_plane.model.federation import (
    DENY_CAPABILITY,
    DENY_CERTIFICATE,
    DENY_DEFAULT,
    Export,
    Policy,
)
from control_plane.model.grant import Capability
from control_plane.model.identity import SpiffeId
from control_plane.model.resource import ResourceKind

_EVENTS = "text/event-stream"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Ruling:
    """``policy_id`` is what the audit row would show; ``refused``: it is no MCP message, nobody was asked."""

    allowed: bool
    policy_id: str = ""
    refused: bool = False


def decide(export: Export, asked: Asked) -> Ruling:
    """The verdict of the ingress on ``asked``."""
    if export.resource.kind is ResourceKind.MCP and not _readable(asked):
        return Ruling(allowed=False, refused=True)
    return _judge(export.allowed, export, asked)


def shadow(export: Export, asked: Asked) -> Ruling | None:
    """What the shadow grants would have said; None where there are none."""
    return _judge(export.shadow, export, asked) if export.shadow else None


def _readable(asked: Asked) -> bool:
    """What passes the filter that reads messages: one message, a stream, or the end of a session."""
    anything = "*/*" in asked.accept
    if asked.method == "POST":
        return asked.message is not None and (anything or (_JSON in asked.accept and _EVENTS in asked.accept))
    if asked.method == "GET":
        return anything or _EVENTS in asked.accept
    return asked.method == "DELETE" and asked.session


def _judge(rows: tuple[tuple[SpiffeId, tuple[Policy, ...]], ...], export: Export, asked: Asked) -> Ruling:
    policies = _of(rows, asked.identity)
    if policies is None:  # a resource that allows nobody has no rule that could be named
        return Ruling(allowed=False, policy_id=DENY_DEFAULT if rows else "")
    for partner, serials in export.revoked:
        if asked.serial in serials and asked.identity.startswith(f"spiffe://{partner}/"):
            return Ruling(allowed=False, policy_id=DENY_CERTIFICATE)
    for policy in policies:  # a grant of everything decides at once
        if not policy.capabilities:
            return Ruling(allowed=True, policy_id=policy.id)
    for policy in policies:
        if any(_fits(capability, asked) for capability in policy.capabilities):
            return Ruling(allowed=True, policy_id=policy.id)
    return Ruling(allowed=False, policy_id=DENY_CAPABILITY)


def _of(rows: tuple[tuple[SpiffeId, tuple[Policy, ...]], ...], identity: str) -> tuple[Policy, ...] | None:
    place = bisect_left(rows, identity, key=lambda row: str(row[0]))
    return rows[place][1] if place < len(rows) and rows[place][0] == identity else None


def _fits(capability: Capability, asked: Asked) -> bool:
    if capability.methods and asked.method not in capability.methods:
        return False
    if not below(capability.path, asked.path):
        return False
    return not capability.tools or _in_session(capability.tools, asked)


def below(path: str, asked: str) -> bool:
    """Whether the path ``asked`` is at ``path`` or below it."""
    if path == "/":
        return True
    if "..;" in asked:
        return False
    if path.endswith("/"):
        return asked.startswith(path)
    return asked == path or asked.startswith((f"{path}/", f"{path}?"))


def _in_session(tools: tuple[str, ...], asked: Asked) -> bool:
    if asked.method == "POST":
        return asked.message is not None and _says(tools, asked.message)
    return asked.method == "DELETE" or (asked.method == "GET" and _EVENTS in asked.accept.lower())


def _says(tools: tuple[str, ...], message: Message) -> bool:
    return message.method in BASE_METHODS or (message.method == CALL and message.tool in tools)
