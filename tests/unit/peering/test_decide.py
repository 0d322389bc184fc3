"""Who may begin, what a join changes, and how a partner looks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind, Value
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint, Node
from control_plane.model.peering import PartnerRecord, PeeringAddress, View
from control_plane.model.problem import InvalidValueError
from control_plane.peering import decide
from control_plane.peering.messages import Announced, Introduction
from control_plane.pki import spiffe_bundle
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.objects import Mode, Stored
from tests.unit.peering.world import LUEBECK, NOW, VISBY, Organisation

GATEWAY = SpiffeId("spiffe://visby.example/gateway/1")
ADDRESS = PeeringAddress("peering.visby.example", 8444)
POLICY = AddressPolicy()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidValueError) as caught:
        call()
    return caught.value.code


def node(host: str = "8.8.8.8", *, name: str = "1", spiffe_id: SpiffeId = GATEWAY) -> Announced:
    return Announced(ObjectId(name), spiffe_id, (Endpoint(host, 8443),))


def stored(kind: Kind, value: Value, *, revision: int = 5) -> Stored:
    return Stored(kind, value.key, value, revision, NOW, NOW)


def agreement(state: AgreementState) -> Agreement:
    return Agreement(VISBY, state)


@pytest.mark.parametrize("known", [None, AgreementState.UNTRUSTED, AgreementState.PENDING])
def test_an_organisation_that_is_not_trusted_yet_may_begin(known: AgreementState | None) -> None:
    decide.may_begin(agreement(known) if known else None, VISBY, own=LUEBECK)


def test_a_revoked_partner_cannot_begin_again() -> None:
    revoked = agreement(AgreementState.REVOKED)

    assert code_of(lambda: decide.may_begin(revoked, VISBY, own=LUEBECK)) == "partner_revoked"
    assert code_of(lambda: decide.may_speak(revoked, VISBY)) == "partner_revoked"


def test_a_trusted_partner_cannot_change_what_it_is_trusted_with() -> None:
    trusted = agreement(AgreementState.TRUSTED)

    assert code_of(lambda: decide.may_begin(trusted, VISBY, own=LUEBECK)) == "already_trusted"


def test_an_organisation_does_not_federate_with_itself() -> None:
    assert code_of(lambda: decide.may_begin(None, LUEBECK, own=LUEBECK)) == "own_organisation"


@pytest.mark.parametrize("known", [None, AgreementState.UNTRUSTED])
def test_only_pending_and_trusted_partners_are_heard(known: AgreementState | None) -> None:
    held = agreement(known) if known else None

    assert code_of(lambda: decide.may_speak(held, VISBY)) == "unknown_partner"
    assert decide.may_speak(agreement(AgreementState.PENDING), VISBY)
    assert decide.may_speak(agreement(AgreementState.TRUSTED), VISBY)


def said(visby: Organisation, **changes: object) -> Introduction:
    good = replace(visby.introduction, addresses=(ADDRESS,), nodes=(node(),))
    return replace(good, **changes)  # type: ignore[arg-type]  # each is a field of its type


def test_an_introduction_gives_bundle_addresses_and_nodes(visby: Organisation) -> None:
    found = decide.introduced(said(visby), VISBY, POLICY)

    assert found.bundle == visby.bundle
    assert found.addresses == (ADDRESS,)
    assert found.nodes == (Node(ObjectId("1"), VISBY, GATEWAY, (Endpoint("8.8.8.8", 8443),)),)


def test_an_introduction_that_is_not_acceptable_is_refused(visby: Organisation, riga: Organisation) -> None:
    empty = spiffe_bundle.encode(Bundle(VISBY, ()), refresh_hint=1).decode()
    foreign = SpiffeId("spiffe://riga.example/gateway/1")
    cases = {
        "no authority": ({"bundle": empty}, "bad_introduction"),
        "no bundle": ({"bundle": "<html>"}, "bad_introduction"),
        "another's bundle": ({"bundle": riga.introduction.bundle}, "bad_introduction"),
        "no address": ({"addresses": ()}, "bad_introduction"),
        "many addresses": ({"addresses": (ADDRESS,) * 5}, "bad_introduction"),
        "a node twice": ({"nodes": (node(), node())}, "bad_introduction"),
        "many nodes": ({"nodes": tuple(node(name=f"n{i}") for i in range(65))}, "bad_introduction"),
        "a foreign node": ({"nodes": (node(spiffe_id=foreign),)}, "bad_introduction"),
        "metadata": ({"nodes": (node("169.254.169.254"),)}, "forbidden_address"),
        "loopback": ({"nodes": (node("127.0.0.1"),)}, "forbidden_address"),
        "private": ({"nodes": (node("10.0.0.1"),)}, "forbidden_address"),
        "no endpoint": ({"nodes": (replace(node(), endpoints=()),)}, "bad_introduction"),
    }

    codes = {
        name: code_of(lambda change=change: decide.introduced(said(visby, **change), VISBY, POLICY))  # type: ignore[misc]  # binds the loop's value
        for name, (change, _) in cases.items()
    }

    assert codes == {name: code for name, (_, code) in cases.items()}


def test_a_join_makes_a_pending_agreement_and_nothing_more_trusted(visby: Organisation) -> None:
    found = decide.introduced(said(visby), VISBY, POLICY)

    state, writes = decide.join_writes(found, {}, own=LUEBECK, automatic=frozenset())

    assert state is AgreementState.PENDING
    assert [write.value for write in writes] == [
        agreement(AgreementState.PENDING),
        found.bundle,
        *found.nodes,
    ]
    assert {write.mode for write in writes} == {Mode.CREATE}


def test_a_join_is_trusted_at_once_only_where_an_operator_said_so_before(visby: Organisation) -> None:
    found = decide.introduced(said(visby), VISBY, POLICY)

    state, writes = decide.join_writes(found, {}, own=LUEBECK, automatic=frozenset({VISBY}))

    assert state is AgreementState.TRUSTED
    assert writes[0].value == agreement(AgreementState.TRUSTED)


def test_a_join_again_keeps_what_operators_decided(visby: Organisation) -> None:
    found = decide.introduced(said(visby), VISBY, POLICY)
    paused = Agreement(VISBY, AgreementState.PENDING, paused=True, reason="audit")
    limited = Node(
        ObjectId("1"), VISBY, GATEWAY, (Endpoint("9.9.9.9", 1),), enabled=False, rate_limit_per_hour=5
    )
    present = {
        (Kind.AGREEMENT, str(VISBY)): stored(Kind.AGREEMENT, paused),
        (Kind.NODE, limited.key): stored(Kind.NODE, limited, revision=3),
    }

    _, writes = decide.join_writes(found, present, own=LUEBECK, automatic=frozenset())

    assert writes[0].value == paused
    assert (writes[0].mode, writes[0].expected) == (Mode.REPLACE, 5)
    assert writes[2].value == replace(limited, endpoints=(Endpoint("8.8.8.8", 8443),))
    assert (writes[2].mode, writes[2].expected) == (Mode.REPLACE, 3)


@pytest.mark.parametrize("state", [AgreementState.REVOKED, AgreementState.TRUSTED])
def test_a_join_changes_nothing_for_a_partner_that_was_decided_about(
    visby: Organisation, state: AgreementState
) -> None:
    found = decide.introduced(said(visby), VISBY, POLICY)
    present = {(Kind.AGREEMENT, str(VISBY)): stored(Kind.AGREEMENT, agreement(state))}

    code = code_of(lambda: decide.join_writes(found, present, own=LUEBECK, automatic=frozenset({VISBY})))

    assert code in {"partner_revoked", "already_trusted"}


def test_gateways_are_announced_with_an_address_that_others_can_reach() -> None:
    def gateway(name: str, host: str) -> Gateway:
        identity = SpiffeId(f"spiffe://luebeck.example/gateway/{name}")
        return Gateway(ObjectId(name), identity, Endpoint(host, 8443), Endpoint("127.0.0.1", 15001))

    ours = (gateway("b", "0.0.0.0"), gateway("a", "203.0.113.9"), gateway("c", "::"))  # noqa: S104 - not bound

    assert [one.endpoints[0].host for one in decide.announced(ours, "203.0.113.1")] == [
        "203.0.113.9",
        "203.0.113.1",
        "203.0.113.1",
    ]
    assert [one.node_id for one in decide.announced(ours, "")] == ["a"]


def record(view: View | None, *, age: float = 1) -> PartnerRecord:
    return PartnerRecord(
        organisation=VISBY,
        addresses=(ADDRESS,),
        heard=view,
        heard_at=NOW - timedelta(seconds=age) if view else None,
        read_at=NOW,
    )


def test_a_pause_on_their_side_is_visible_with_its_time() -> None:
    since = int((NOW.replace(hour=14, minute=2)).timestamp())

    view = decide.view_of(record(View(AgreementState.TRUSTED, True, since, 7)), interval=10)  # noqa: FBT003 - a field

    assert view.summary == "they paused us since 2026-03-01 14:02 UTC"
    assert view.paused
    assert view.sequence == 7
    assert not view.stale


@pytest.mark.parametrize(("age", "stale"), [(0, False), (30, False), (30.5, True), (86_400, True)])
def test_a_partner_that_missed_three_heartbeats_is_not_shown_as_healthy(age: float, *, stale: bool) -> None:
    held = record(View(AgreementState.TRUSTED, False, 0, 1), age=age)  # noqa: FBT003 - a field

    view = decide.view_of(held, interval=10)

    assert view.stale is stale
    assert ("last heard" in view.summary) is stale


def test_a_partner_that_was_never_heard_is_stale() -> None:
    view = decide.view_of(record(None), interval=10)

    assert view.stale
    assert view.state is None
    assert view.summary == "they have not been heard yet"


def test_a_time_that_no_calendar_has_is_not_shown() -> None:
    view = decide.view_of(record(View(AgreementState.TRUSTED, False, 2**63 - 1, 1)), interval=10)  # noqa: FBT003 - a field

    assert view.since is None
