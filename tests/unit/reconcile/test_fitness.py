"""What gateways report becomes circuits and a status, whatever the order it arrives in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.circuit import CircuitState
from control_plane.model.node import NodeStatus
from control_plane.model.steering import Steering
from control_plane.model.tuning import Tuning
from control_plane.reconcile.fitness import Observations
from tests.fakes.values import audit_event
from tests.golden.world import HAMBURG, LUEBECK

NODE = "lb-1@luebeck.example"
ORDERS = "orders@luebeck.example"
ADDRESS = "192.0.2.1:8443"


@dataclass
class Watch:
    """Observations with a clock that a test moves."""

    now: float = 1_000.0
    steering: dict[str, Steering] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seen = Observations(
            Tuning(circuit_open=30),
            clock=lambda: self.now,
            node_at=lambda address, _: NODE if address == ADDRESS else None,
            steering=self.steering,
        )

    def tell(
        self, event_type: EventType, at: float, *, reason: str = "", target_node: str = "", cluster: str = ""
    ) -> AuditEvent:
        event = audit_event(
            reason=reason,
            target_node=target_node,
            event_type=event_type,
            timestamp=datetime.fromtimestamp(at, UTC),
            direction="egress",
            resource=ORDERS,
            metadata={"upstream_url": ADDRESS, "num_ejections": "1", "cluster_name": cluster},
        )
        self.seen.take([event])
        return event

    def states(self) -> list[CircuitState]:
        return [
            one
            for sight in self.seen.sights(NODE).values()
            for one in (circuit.state for circuit in sight.circuits.values())
        ]


def test_an_ejection_opens_the_circuit_of_that_gateway_and_an_answer_closes_it() -> None:
    watch = Watch()

    watch.tell(EventType.CIRCUIT_OPENED, 1_000, reason="consecutive_5xx")
    opened = watch.seen.circuits()
    watch.now = 1_031
    watch.tell(EventType.CIRCUIT_CLOSED, 1_030.5)
    half = watch.states()
    watch.tell(EventType.CROSS_ORG_REQUEST, 1_030.9, target_node=NODE)

    ((node, gateway, resource, circuit),) = opened
    assert (node, gateway, resource, circuit.state) == (NODE, "gw-1", ORDERS, CircuitState.OPEN)
    assert (circuit.reason, circuit.until) == ("consecutive_5xx", 1_030)
    assert half == [CircuitState.HALF_OPEN]
    assert watch.states() == [CircuitState.CLOSED]


def test_what_is_told_again_changes_nothing() -> None:
    watch = Watch()
    events = [
        watch.tell(EventType.CIRCUIT_OPENED, 1_000, reason="x"),
        watch.tell(EventType.CIRCUIT_CLOSED, 1_030),
        watch.tell(EventType.CROSS_ORG_REQUEST, 1_031, target_node=NODE),
    ]
    watch.now = 1_040
    before = watch.seen.sights(NODE)

    watch.seen.take(events)

    assert watch.seen.sights(NODE) == before


def test_a_reset_closes_it_and_later_failures_open_it_again() -> None:
    watch = Watch()
    watch.tell(EventType.CIRCUIT_OPENED, 1_000, reason="x")

    watch.steering[NODE] = Steering("lb-1", LUEBECK, resets=1, reset_at=1_001)  # type: ignore[arg-type] # a plain name
    closed = watch.states()
    watch.tell(EventType.CIRCUIT_OPENED, 1_002, reason="x")

    assert closed == [CircuitState.CLOSED]
    assert watch.states() == [CircuitState.OPEN]


def test_what_an_operator_opened_is_held_open_until_it_is_reset() -> None:
    watch = Watch()
    watch.steering[NODE] = Steering("lb-1", LUEBECK, circuit_open=True)  # type: ignore[arg-type] # a plain name
    watch.steering["lb-0@x"] = Steering("lb-0", LUEBECK, draining=True)  # type: ignore[arg-type] # a plain name
    held = watch.seen.held_open()
    watch.steering.clear()

    assert [one.key for one in held] == [NODE]
    assert watch.seen.held_open() == ()


def test_addresses_that_nobody_has_and_requests_of_partners_say_nothing() -> None:
    watch = Watch()
    watch.seen.take([audit_event(event_type=EventType.CIRCUIT_OPENED, metadata={"upstream_url": "x"})])
    watch.seen.take([audit_event(direction="ingress", target_node=NODE)])

    assert watch.seen.sights(NODE) == {}
    assert watch.seen.finding(NODE).status is NodeStatus.UNKNOWN


def test_a_node_is_online_by_its_answers_and_offline_by_its_circuit() -> None:
    watch = Watch()
    watch.tell(EventType.CROSS_ORG_REQUEST, 999, target_node=NODE)
    online = watch.seen.finding(NODE)
    watch.tell(EventType.CIRCUIT_OPENED, 1_000, reason="consecutive_5xx")
    watch.now = 1_012

    assert online.status is NodeStatus.ONLINE
    assert watch.seen.finding(NODE).status is NodeStatus.OFFLINE
    assert watch.seen.finding(f"lb-1@{HAMBURG}").status is NodeStatus.UNKNOWN


def test_our_own_service_is_no_node_also_when_a_partner_s_node_has_its_address() -> None:
    watch = Watch()

    watch.tell(EventType.CIRCUIT_OPENED, 1_000, cluster="group/orders.bremen.example/own")
    watch.tell(EventType.CROSS_ORG_REQUEST, 1_000, target_node="bremen.example")
    before = (watch.seen.circuits(), watch.seen.sights(NODE), watch.seen.sights("bremen.example"))
    watch.tell(EventType.CIRCUIT_OPENED, 1_001, cluster="group/orders.bremen.example/behind")

    assert before == ((), {}, {})
    assert [found[0] for found in watch.seen.circuits()] == [NODE]
