"""The verification of an export with the anchors of its organisation; apart, since it imports much."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from control_plane.chain import head as heads
from control_plane.chain.export_check import ExportCheck
from control_plane.chain.head import TreeHead
from control_plane.model.audit import AuditEvent
from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.model.problem import InvalidValueError
from control_plane.pki import jws
from control_plane.pki.bundle import check_anchors

_EVENT: TypeAdapter[AuditEvent] = TypeAdapter(AuditEvent)


def checked(lines: Iterable[Mapping[str, Any]], anchors: str, *, now: datetime) -> ExportCheck:
    """Verify every line; InvalidValueError says what is not as it was signed."""
    check = ExportCheck(read_head=lambda _: _unknown(), event_of=_event)

    def read_head(signed: bytes) -> TreeHead:
        sealed = jws.read(signed, heads.TYP)
        head = heads.read(sealed.payload)
        bundle = Bundle(
            TrustDomain(check.organisation), check_anchors(anchors, TrustDomain(check.organisation))
        )
        # The certificate was good when it signed; it lives a day, and its log for years.
        identity = jws.signed_by(sealed, bundle, now=min(head.at, now))
        if identity != control_plane_id(bundle.organisation):
            raise InvalidValueError("wrong_identity", f"it was signed by {identity}")
        return head

    check.read_head = read_head
    for line in lines:
        check.take(line)
    check.finish()
    return check


def _event(line: Mapping[str, Any]) -> AuditEvent:
    return _EVENT.validate_python(line["event"])


def _unknown() -> TreeHead:
    raise InvalidValueError("bad_export", "expected the organisation to be named first")
