"""What is known of a link: announcements, goodbyes, limits, and names of any sort."""

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncZeroconf

from control_plane.discovery import mdns_link, mdns_view
from control_plane.discovery.mdns_advertise import Advertisement, service
from control_plane.discovery.mdns_interface import Interface, UnusableError, find
from control_plane.discovery.mdns_view import HOLD, MAX_LABEL, SUFFIX, TYPE, Service, View, is_instance
from control_plane.model.sighting import RawEndpoint

TXT = b"".join(
    bytes([len(text)]) + text
    for text in (b"org=luebeck.example", b"spiffe=spiffe://luebeck.example/gateway/gw-1")
)
ONE = Service(name=f"gw-1{SUFFIX}", port=8443, weight=0, addresses=("2001:db8::7", "192.0.2.7"), txt=TXT)


def heard(view: View, *services: Service) -> None:
    """They announce themselves."""
    for one in services:
        if view.admit(one.name):
            view.confirm(one.name)
            view.announce(one)


def names(view: View) -> list[str]:
    return [candidate.name for candidate in view.report().candidates]


def test_a_service_is_what_it_announces() -> None:
    view = View()
    heard(view, ONE)

    (candidate,) = view.report().candidates
    assert (candidate.node_id, candidate.organisation) == ("gw-1", "luebeck.example")
    assert candidate.endpoints == (RawEndpoint("192.0.2.7", 8443), RawEndpoint("2001:db8::7", 8443))


def test_a_name_of_which_nothing_else_is_known_is_not_reported() -> None:
    view = View()
    view.admit(ONE.name)

    assert view.report() == View().report()


def test_a_goodbye_counts_after_a_while() -> None:
    view = View()
    heard(view, ONE)

    view.goodbye(ONE.name, 10.0)

    assert view.due == 10.0 + HOLD
    assert not view.pass_on(10.0 + HOLD - 0.1)
    assert names(view) == ["gw-1"]
    assert view.pass_on(10.0 + HOLD)
    assert names(view) == []


def test_a_goodbye_before_an_announcement_is_void() -> None:
    view = View()
    heard(view, ONE)

    view.goodbye(ONE.name, 10.0)
    heard(view, replace(ONE, port=9443))

    assert view.due is None
    assert not view.pass_on(100.0)
    assert view.report().candidates[0].endpoints[0].port == 9443


def test_who_does_not_answer_goes_and_makes_room_at_once_if_nothing_was_known() -> None:
    view = View()
    heard(view, ONE)
    view.admit(f"silent{SUFFIX}")

    assert view.give_up(ONE.name, 10.0)
    assert not view.give_up(f"silent{SUFFIX}", 10.0)

    assert view.names == (ONE.name,)
    assert view.pass_on(10.0 + HOLD)
    assert not view.names


def test_the_same_again_is_no_news() -> None:
    view = View()
    heard(view, ONE)

    assert not view.announce(ONE)
    assert not view.announce(replace(ONE, addresses=ONE.addresses[::-1]))
    assert view.announce(replace(ONE, port=1))


def test_who_was_first_stays_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns_view, "MAX_SERVICES", 2)
    view = View()
    others = [replace(ONE, name=f"x{number}{SUFFIX}") for number in range(3)]

    heard(view, ONE, *others, *others)
    assert (names(view), view.report().left_out) == (["gw-1", "x0"], 2)

    view.goodbye(others[0].name, 0.0)
    view.pass_on(HOLD)
    heard(view, others[1])
    assert (names(view), view.report().left_out) == (["gw-1", "x1"], 1)

    view.goodbye(others[1].name, 0.0)
    view.pass_on(HOLD)
    view.refill()
    assert (view.names, view.report().left_out) == ((ONE.name, others[2].name), 0)


def test_one_that_is_not_readable_is_refused_beside_the_others() -> None:
    view = View()
    bad = {
        "no_txt": replace(ONE, name=f"a{SUFFIX}", txt=b"\x00"),
        "no_address": replace(ONE, name=f"b{SUFFIX}", addresses=()),
        "too_many_addresses": replace(
            ONE, name=f"c{SUFFIX}", addresses=tuple(f"192.0.2.{number}" for number in range(17))
        ),
        "txt_too_long": replace(ONE, name=f"d{SUFFIX}", txt=b"\x03a=b" * 300),
    }
    heard(view, ONE, *bad.values())

    assert names(view) == ["gw-1"]
    assert {problem.code for problem in view.report().refused} == set(bad)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        (f"gw-1{SUFFIX}", True),
        (f"Büro im 2. Stock{SUFFIX}", True),
        (SUFFIX, False),
        (TYPE, False),
        ("gw-1._other._tcp.local.", False),
        ("gw-1._proxenia._tcp.example.", False),
        (f"{'x' * 64}{SUFFIX}", False),
        ("\ufffd" * 22 + SUFFIX, False),
        (f"a\x00b{SUFFIX}", False),
    ],
)
def test_names_that_cannot_be_asked_for_are_told_apart(name: str, *, fits: bool) -> None:
    assert is_instance(name) is fits


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["hear", "bye", "wait"])), max_size=30))
def test_after_any_sequence_the_view_is_what_was_heard_last(steps: list[tuple[str, str]]) -> None:
    view, now = View(), 0.0
    expected: dict[str, float | None] = {}  # when it goes
    for label, step in steps:
        name = f"{label}{SUFFIX}"
        if step == "hear":
            heard(view, replace(ONE, name=name))
            expected[label] = None
        elif step == "bye" and label in expected:
            view.goodbye(name, now)
            expected[label] = now + HOLD
        else:
            now += HOLD / 2
        view.pass_on(now)
        expected = {one: due for one, due in expected.items() if due is None or due > now}

        assert names(view) == sorted(expected)


@given(st.text(min_size=0, max_size=80), st.binary(max_size=300), st.lists(st.text(max_size=40), max_size=3))
def test_whatever_is_announced_there_is_a_report(label: str, txt: bytes, addresses: list[str]) -> None:
    view = View()
    heard(view, replace(ONE, name=f"{label}{SUFFIX}", txt=txt, addresses=tuple(addresses)))

    report = view.report()
    assert len(report.candidates) + len(report.refused) == 1
    assert all(problem.subject.isprintable() for problem in report.refused)


LINK = Interface("eth0", 2, ("192.0.2.1",), ("2001:db8::1", "fe80::1"))
OURS = Advertisement(
    node_id="gateway-1",
    organisation="bergen.example",
    spiffe_id="spiffe://bergen.example/gateway/g",
    port=8443,
)


def test_our_own_are_announced_with_addresses_that_others_can_use() -> None:
    assert service(OURS, LINK).parsed_addresses() == ["192.0.2.1", "2001:db8::1"]
    assert service(replace(OURS, address="198.51.100.1"), LINK).parsed_addresses() == ["198.51.100.1"]


def test_what_we_announce_is_what_we_read() -> None:
    info = service(OURS, LINK)
    view = View()
    read = Service(
        name=info.name, port=info.port or 0, weight=0, addresses=tuple(info.parsed_addresses()), txt=info.text
    )
    heard(view, read)

    (candidate,) = view.report().candidates
    assert (candidate.node_id, candidate.organisation, candidate.spiffe_id) == (
        OURS.node_id,
        OURS.organisation,
        OURS.spiffe_id,
    )


def test_a_name_that_is_too_long_for_a_label_is_cut_and_stays_unique() -> None:
    long = [replace(OURS, organisation="x" * 240 + str(number)) for number in range(2)]
    made = {service(one, LINK).name.removesuffix(SUFFIX) for one in long}

    assert len(made) == 2
    assert all(len(label) <= MAX_LABEL for label in made)


async def test_a_link_is_opened_anew_after_so_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns_link, "MAX_CALLS", 3)
    link = mdns_link.Link(cast("AsyncZeroconf", None), LINK, View(), lambda: None)

    for number in range(3):
        assert not link.worn
        link.hear(cast("Zeroconf", None), TYPE, f"x{number}{SUFFIX}", ServiceStateChange.Added)

    assert link.worn


def test_an_interface_that_is_not_there_cannot_be_used() -> None:
    with pytest.raises(UnusableError, match="no interface"):
        find("proxenia-none")
