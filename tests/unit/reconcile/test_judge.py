"""What a request would get, and why one does not get through: the true cause in every staged failure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.authorization import Asked, Message
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.conditions import Conditions
from control_plane.model.explanation import (
    CircuitFact,
    EndedFact,
    Explanation,
    Facts,
    Finding,
    GatewayFact,
    HandshakeFact,
    LimitFact,
    Live,
    LiveCluster,
    LiveHost,
    LostFact,
    Question,
    Refused,
)
from control_plane.model.federation import InForce
from control_plane.model.grant import Capability, Grant
from control_plane.model.group import Group
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.model.steering import Steering
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, ROUTES
from control_plane.plan.world import World
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.judge import Judge
from tests.fakes.values import audit_event
from tests.golden.world import BREMEN, GATEWAY, HAMBURG, LUEBECK, items, open_federation

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WELL = Facts(now=NOW, gateways=(GatewayFact("gw-1", connected=True, at=NOW),))
HH_1 = "spiffe://hamburg.example/gateway/hh-1"
LB_1 = "spiffe://luebeck.example/gateway/lb-1"
ORDERS = "orders@luebeck.example"
STOCK = "stock@bremen.example"
LUEBECKS = ("192.0.2.1:8443", "192.0.2.2:8443", "[2001:db8::2]:8443")


def late(bundle: Bundle, _now: datetime) -> InForce:
    problem = Problem(f"organisation {bundle.organisation}", "crl_expired", "its list has ended")
    return InForce(bundle, problems=(problem,))


class Core:
    """A federator with the open federation, and what answers from it."""

    def __init__(self, *more: Value) -> None:
        self.federator = Federator(BREMEN, Tuning())
        self.federator.apply(Change(1, items(open_federation())), now=NOW)
        self.federator.apply(Change(2, items(more)), now=NOW)
        self.judge = Judge(self.federator.world, self.federator.exports)

    def without(self, kind: Kind, key: str) -> "Core":
        self.federator.apply(Change(3, (Item(kind, key, None),)))
        return self

    def route(self, key: str, facts: Facts = WELL, *, asked: Asked | None = None) -> Explanation:
        return self.judge.explain(Question(route=key, asked=asked), facts)

    def request(self, *rows: AuditEvent, facts: Facts = WELL) -> Explanation:
        return self.judge.explain(Question(rows=rows), facts)


def code(explanation: Explanation) -> str:
    return explanation.cause.code if explanation.cause else ""


def steered(name: str, **state: bool) -> Steering:
    return Steering(ObjectId(name), LUEBECK, **state)  # type: ignore[arg-type] # checked by the class


def refused(type_url: str, name: str) -> Facts:
    gateway = GatewayFact("gw-1", True, NOW, (Refused(type_url, name, "Proto constraint failed"),))  # noqa: FBT003 - connected
    return replace(WELL, gateways=(gateway,))


@dataclass(frozen=True)
class Staged:
    """A failure: what is put into the world, the facts beside it, and who asks for what."""

    code: str
    put: tuple[Value, ...] = ()
    facts: Facts = WELL
    route: str = ORDERS
    asked: Asked | None = None
    gone: tuple[Kind, str] | None = None


def circuits(*addresses: str) -> tuple[CircuitFact, ...]:
    return tuple(CircuitFact(ORDERS, address, NOW, "consecutive_5xx") for address in addresses)


def live(*addresses: str, flags: tuple[str, ...] = ()) -> Live:
    hosts = tuple(LiveHost(address, flags) for address in addresses)
    return Live("gw-1", (LiveCluster("to/orders.luebeck.example", hosts),))


DISCONNECTED = replace(WELL, gateways=(GatewayFact("gw-1", connected=False, at=NOW),))
ENDED = replace(WELL, ended=(EndedFact("gateway lb-1", LUEBECK, NOW - timedelta(hours=1)),))
GONE = replace(WELL, lost=(LostFact(LUEBECK, "dns-sd", "NXDOMAIN for _proxenia._tcp.luebeck.example"),))
ALICE = Asked(HH_1, "GET", "/items")
CALL = Asked(HH_1, "POST", "/mcp", accept="*/*", message=Message("tools/call", "drop"))
LIMITED = replace(WELL, limits=(LimitFact(STOCK, HH_1, NOW),))
PAUSED = tuple(Agreement(each, AgreementState.TRUSTED, paused=True) for each in (LUEBECK, HAMBURG))
EXPIRED = "TLS_error:CERTIFICATE_VERIFY_FAILED:certificate_has_expired"
SHAKEN = replace(WELL, handshakes=(HandshakeFact(HH_1, HAMBURG, EXPIRED, NOW),))

GROUP = "quotes@bremen.example"
QUOTES = ResourceName("quotes")
PARTNERS = Group(QUOTES, BREMEN, (HAMBURG,))
WITH_US = (
    Group(QUOTES, BREMEN, (BREMEN, HAMBURG)),
    Resource(QUOTES, BREMEN, upstreams=(Endpoint("127.0.0.1", 9005),)),
)
HELD = Steering(ObjectId("hh-1"), HAMBURG, circuit_open=True)
BROKEN = tuple(
    CircuitFact(GROUP, address, NOW, "consecutive_5xx") for address in ("198.51.100.1:443", "127.0.0.1:9005")
)

FAILURES = {
    "a name of ours that nobody offers": Staged("unknown_resource", route="nothing@bremen.example"),
    "a resource of ours without upstreams": Staged(
        "no_upstream", (Resource(ResourceName("empty"), BREMEN),), route="empty@bremen.example"
    ),
    "a resource of ours that leads back to the egress": Staged(
        "upstream_is_egress",
        (Resource(ResourceName("ring"), BREMEN, upstreams=(GATEWAY.egress,)),),
        route="ring@bremen.example",
    ),
    "our own, refused": Staged(
        "configuration_refused", facts=refused(CLUSTER, "to/stock.bremen.example"), route=STOCK
    ),
    "our own, without a gateway": Staged("gateway_disconnected", facts=DISCONNECTED, route=STOCK),
    "our own, not on the gateway": Staged(
        "not_on_gateway", facts=replace(WELL, live=Live("gw-1", ())), route=STOCK
    ),
    "a group whose members offer nothing": Staged(
        "no_node", (Group(QUOTES, BREMEN, (LUEBECK,)),), route=GROUP
    ),
    "a group's nodes, drained": Staged(
        "node_drained", (PARTNERS, replace(HELD, circuit_open=False, draining=True)), route=GROUP
    ),
    "a group's circuits": Staged("circuit_open", (PARTNERS, HELD), route=GROUP),
    "a group's circuits and our own": Staged(
        "circuit_open", WITH_US, facts=replace(WELL, circuits=BROKEN), route=GROUP
    ),
    "unknown resource": Staged("unknown_resource", route="nothing@luebeck.example"),
    "unknown resource of ours": Staged("unknown_resource", route="nothing@bremen.example", asked=ALICE),
    "no grant": Staged("no_grant", route="prices@bremen.example", asked=ALICE),
    "wrong method": Staged("wrong_method", route=STOCK, asked=replace(ALICE, method="DELETE")),
    "wrong path": Staged(
        "path_not_granted",
        (Grant(ObjectId("deep"), ResourceName("idle"), HAMBURG, (Capability(path="/deep"),)),),
        route="idle@bremen.example",
        asked=ALICE,
    ),
    "wrong tool": Staged(
        "tool_not_granted",
        (Grant(ObjectId("tools"), ResourceName("agents"), HAMBURG, (Capability(tools=("find",)),)),),
        route="agents@bremen.example",
        asked=CALL,
    ),
    "no message": Staged("no_mcp_message", route="agents@bremen.example", asked=replace(ALICE, method="PUT")),
    "grant off": Staged("grant_disabled", route="agents@bremen.example", asked=CALL),
    "grant not approved": Staged(
        "grant_not_approved",
        (
            Grant(
                ObjectId("later"),
                ResourceName("idle"),
                HAMBURG,
                conditions=Conditions(approval=ObjectId("works-council")),
            ),
        ),
        route="idle@bremen.example",
        asked=ALICE,
    ),
    "grant ended": Staged(
        "grant_ended",
        (Grant(ObjectId("old"), ResourceName("idle"), HAMBURG, conditions=Conditions(ends=NOW)),),
        route="idle@bremen.example",
        asked=ALICE,
    ),
    "unregistered caller": Staged("unknown_node", route=STOCK, asked=replace(ALICE, identity=f"{HH_1}x")),
    "two names": Staged("no_single_identity", route=STOCK, asked=replace(ALICE, identity=f"{HH_1},{LB_1}")),
    "revoked identity": Staged(
        "identity_revoked",
        (Agreement(HAMBURG, AgreementState.TRUSTED, revoked_identities=(SpiffeId(HH_1),)),),
        route=STOCK,
        asked=ALICE,
    ),
    "revoked certificate": Staged(
        "certificate_revoked",
        (Agreement(HAMBURG, AgreementState.TRUSTED, revoked_serials=("01",)),),
        route=STOCK,
        asked=replace(ALICE, serial="01"),
    ),
    "paused agreement": Staged("agreement_paused", PAUSED),
    "paused agreement of a caller": Staged("agreement_paused", PAUSED, route=STOCK, asked=ALICE),
    "no anchors": Staged("bundle_empty", (Bundle(LUEBECK, ()),)),
    "expired certificate": Staged("certificate_expired", facts=ENDED),
    "expired certificate of a caller": Staged("certificate_expired", facts=SHAKEN, route=STOCK, asked=ALICE),
    "expired certificate of ours": Staged(
        "certificate_expired", facts=replace(WELL, ended=(EndedFact("gateway gw-1", BREMEN, NOW),))
    ),
    "circuit open": Staged("circuit_open", facts=replace(WELL, circuits=circuits(*LUEBECKS))),
    "circuit open, by hand": Staged(
        "circuit_open", (steered("lb-1", circuit_open=True), steered("lb-2", circuit_open=True))
    ),
    "circuit open, by the running gateway": Staged(
        "circuit_open", facts=replace(WELL, live=live(*LUEBECKS, flags=("failed_outlier_check",)))
    ),
    "limit reached": Staged(
        "limit_reached", facts=replace(WELL, limits=(LimitFact(STOCK, HH_1, NOW),)), route=STOCK, asked=ALICE
    ),
    "node drained": Staged("node_drained", (steered("lb-1", draining=True), steered("lb-2", draining=True))),
    "refused cluster": Staged("configuration_refused", facts=refused(CLUSTER, "to/orders.luebeck.example")),
    "refused routes": Staged(
        "configuration_refused", facts=refused(ROUTES, "ingress"), route=STOCK, asked=ALICE
    ),
    "gateway disconnected": Staged("gateway_disconnected", facts=DISCONNECTED),
    "no gateway": Staged("no_gateway", facts=Facts(now=NOW)),
    "not on the gateway": Staged("not_on_gateway", facts=replace(WELL, live=Live("gw-1", ()))),
}


@pytest.mark.parametrize("what", FAILURES)
def test_the_true_cause_is_named(what: str) -> None:
    staged = FAILURES[what]

    explanation = Core(*staged.put).route(staged.route, staged.facts, asked=staged.asked)

    assert code(explanation) == staged.code, explanation
    assert explanation.steps[-1].finding is Finding.STOPPED
    assert explanation.cause is not None
    assert explanation.cause.hint


def test_what_works_is_walked_to_its_end() -> None:
    core = Core()

    outward, inward = core.route(ORDERS), core.route(STOCK, asked=ALICE)

    assert (outward.cause, inward.cause) == (None, None)
    assert [step.stage for step in outward.steps][-3:] == ["endpoints", "circuit", "limit"]
    assert all(step.finding is not Finding.STOPPED for step in (*outward.steps, *inward.steps))


def test_our_own_applications_need_no_agreement_and_no_grant() -> None:
    core = Core(*WITH_US, HELD)

    alone, group = core.route("idle@bremen.example"), core.route(GROUP, replace(WELL, circuits=BROKEN[:1]))

    assert (alone.cause, group.cause) == (None, None)
    stages = [step.stage for step in alone.steps]
    assert stages == ["resource", "gateway", "route", "cluster", "endpoints"]
    assert [step.stage for step in group.steps] == [*stages, "circuit"]
    assert "198.51.100.1" not in str(alone)


def test_late_lists_are_the_cause() -> None:
    world = World(BREMEN, late)
    world.apply(items([*open_federation(), Bundle(LUEBECK, ("anchor",), ("list",))]))

    assert code(Judge(world, {}).explain(Question(route=ORDERS), WELL)) == "crl_expired"


def test_a_name_that_is_gone_is_told_from_one_that_never_was() -> None:
    core = Core()
    for name in ("lb-1", "lb-2", "lb-off"):
        core.without(Kind.NODE, f"{name}@luebeck.example")

    assert code(core.route(ORDERS)) == "no_node"
    assert code(core.route(ORDERS, GONE)) == "name_gone"


def test_one_open_circuit_or_drained_node_of_several_stops_nothing() -> None:
    core = Core(steered("lb-1", draining=True))

    assert code(core.route(ORDERS, replace(WELL, circuits=circuits(*LUEBECKS[:2])))) == ""


def test_what_the_running_gateway_says_counts_more_than_what_was_written_down() -> None:
    facts = replace(WELL, circuits=circuits(*LUEBECKS), live=live(*LUEBECKS))

    assert code(Core().route(ORDERS, facts)) == ""


def test_a_node_is_explained_by_what_it_serves() -> None:
    core = Core(steered("lb-2", draining=True))

    def of(key: str) -> str:
        return code(core.judge.explain(Question(node=key), WELL))

    assert of("lb-1@luebeck.example") == ""
    assert of("lb-2@luebeck.example") == "node_drained"
    assert of("lb-off@luebeck.example") == "node_disabled"
    assert of("lb-9@luebeck.example") == "node_unknown"


def row(**changes: object) -> AuditEvent:
    known: dict[str, object] = {
        "resource": STOCK,
        "principal": HH_1,
        "principal_org": HAMBURG,
        "action": "DELETE",
        "decision": "denied",
        "reason": "not_granted",
        "policy_id": "deny:capability",
        "status": 403,
        "event_type": EventType.CROSS_ORG_REQUEST_DENIED,
        "metadata": {"path": "/items", "host": "stock.bremen.example"},
    }
    return audit_event(1, **(known | changes))


REQUESTS = {
    "wrong_method": row(),
    "no_grant": row(resource="prices@bremen.example", policy_id="deny:default"),
    "unknown_resource": row(resource="", policy_id="", metadata={"path": "/", "host": "x.bremen.example"}),
    "denied_then": row(action="GET"),
    "limit_reached": row(reason="rate_limited", status=429, policy_id=""),
    "upstream_5xx": row(decision="allowed", reason="upstream_5xx", status=500),
    "upstream_4xx": row(
        direction="egress", target_node=BREMEN, decision="allowed", reason="upstream_4xx", policy_id=""
    ),
    "no_healthy_node": row(direction="egress", decision="failed", reason="no_healthy_node", policy_id=""),
    "denied_by_partner": row(
        direction="egress", resource=ORDERS, decision="allowed", reason="upstream_4xx", policy_id=""
    ),
    "node_drained": row(direction="egress", resource=ORDERS, decision="failed", reason="no_healthy_node"),
    "certificate_expired": row(
        event_type=EventType.HANDSHAKE_FAILED, reason="CERTIFICATE_VERIFY_FAILED: certificate has expired"
    ),
    "handshake_failed": row(event_type=EventType.HANDSHAKE_FAILED, reason="_no_trust_bundle_store"),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_that_happened_is_explained_by_its_row(what: str) -> None:
    core = Core(steered("lb-1", draining=True), steered("lb-2", draining=True))

    explanation = core.request(REQUESTS[what])

    assert code(explanation) == what, explanation
    assert explanation.cause is not None
    assert explanation.cause.detail
    assert explanation.cause.hint


def test_a_request_that_went_well_has_no_cause_and_one_that_nobody_saw_is_unknown() -> None:
    core = Core()

    assert code(core.request(audit_event())) == ""
    assert code(core.request()) == "unknown_request"


def test_of_two_rows_the_one_behind_tells_why() -> None:
    egress = row(direction="egress", decision="allowed", reason="upstream_4xx", policy_id="")

    assert code(Core().request(row(), egress)) == "wrong_method"


def test_an_answer_names_the_grant_how_long_it_may_be_kept_and_its_conditions() -> None:
    ends = NOW + timedelta(seconds=100)
    timed = Grant(ObjectId("timed"), ResourceName("idle"), HAMBURG, conditions=Conditions(ends=ends))
    core = Core(timed)

    idle = core.judge.authorize("idle@bremen.example", ALICE, now=NOW)
    stock = core.judge.authorize(STOCK, ALICE, now=NOW)

    assert (idle.allowed, idle.policy_id, idle.ttl_seconds) == (True, "timed", 100)
    assert idle.conditions == (f"until {ends.isoformat()}",)
    assert (stock.policy_id, stock.ttl_seconds, stock.reason) == ("stock-read", 300, "granted")


def test_a_denial_says_why_and_what_a_shadow_grant_would_have_said() -> None:
    trial = Grant(ObjectId("trial"), ResourceName("prices"), HAMBURG, shadow=True)

    answer = Core(trial).judge.authorize("prices@bremen.example", ALICE, now=NOW)

    assert (answer.allowed, answer.reason, answer.policy_id) == (False, "no_grant", "deny:default")
    assert answer.shadow_policy_id == "trial"
    assert "proxenia grant add prices hamburg.example" in answer.hint


def test_what_is_not_ours_is_not_ours_to_decide() -> None:
    answer = Core().judge.authorize(ORDERS, ALICE, now=NOW)

    assert (answer.allowed, answer.reason, answer.ttl_seconds) == (False, "foreign_resource", 0)


def test_after_a_partner_is_paused_the_answer_is_another_at_once() -> None:
    core = Core()
    before = core.judge.authorize(STOCK, ALICE, now=NOW)

    core.federator.apply(Change(3, items([Agreement(HAMBURG, AgreementState.TRUSTED, paused=True)])))

    after = core.judge.authorize(STOCK, ALICE, now=NOW)
    assert (before.allowed, after.allowed, after.reason) == (True, False, "agreement_paused")
