"""What every counting of the audit says."""

from datetime import timedelta

from control_plane.model.audit import EventType
from control_plane.ports.audit_use import Latency, Share
from tests.contract.conftest import Store
from tests.fakes.values import LUEBECK, MOMENT, audit_event

END = MOMENT + timedelta(hours=1)


async def test_requests_are_counted_by_decision_principal_and_organisation(store: Store) -> None:
    denied = EventType.CROSS_ORG_REQUEST_DENIED
    egress = {"direction": "egress", "principal": "us", "resource": "furs@riga.example"}
    await store.audit.append(
        [
            audit_event(1, duration_ms=1.0, bytes=10),
            audit_event(2, duration_ms=3.0, decision="denied", event_type=denied, bytes=None),
            audit_event(3, duration_ms=None, decision="failed", **egress),
            audit_event(4, duration_ms=2.0, decision="denied", reason="rate_limited", event_type=denied),
            audit_event(5, event_type=EventType.HANDSHAKE_FAILED),
            audit_event(6, event_type=EventType.GAP),
            audit_event(7, event_type=EventType.OPERATOR_ACTION),
            audit_event(-1),
            audit_event(3600),
        ]
    )

    found = await store.statistics.statistics(MOMENT, END)

    assert (found.since, found.until) == (MOMENT, END)
    assert (found.requests, found.allowed, found.denied, found.failed, found.limited) == (4, 1, 2, 1, 1)
    assert (found.handshakes_failed, found.gaps, found.bytes) == (1, 1, 44)
    assert found.latency_ms == Latency(p50=2.0, p90=3.0, p99=3.0, longest=3.0)
    assert found.principals == (
        Share(name="spiffe://luebeck.example/gateway/lb-1", requests=3, denied=2, failed=0),
        Share(name="us", requests=1, denied=0, failed=1),
    )
    assert [(one.name, one.requests) for one in found.organisations] == [(LUEBECK, 3), ("riga.example", 1)]


async def test_where_nothing_happened_nothing_is_counted(store: Store) -> None:
    found = await store.statistics.statistics(MOMENT, END)

    assert (found.requests, found.bytes, found.principals) == (0, 0, ())
    assert found.latency_ms == Latency(p50=None, p90=None, p99=None, longest=None)
