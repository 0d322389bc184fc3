"""Everything that ends: what breaks, and how urgent that is."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.expiry import Dated, DatedKind, Expiring, Urgency
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.ports.certificates import Issued
from control_plane.ports.objects import Mode, Write
from control_plane.ports.peering import StoredInvitation
from control_plane.trust.authority import Authority
from control_plane.trust.expiry import Ending, of_bundle, page, watch
from control_plane.trust.watch import Watch
from tests.fakes.certificates import FakeIssued
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeInvitations
from tests.unit.pki.federation import VISBY, organisation
from tests.unit.pki.minting import crl_pem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LUEBECK = TrustDomain("luebeck.example")

asyncio.set_event_loop(None)  # pytest-asyncio makes one on the side when a test that is not async comes first


def dated(left: timedelta, life: timedelta, kind: DatedKind = DatedKind.LEAF, name: str = "it") -> Dated:
    return Dated(
        subject=name, kind=kind, organisation=LUEBECK, not_before=NOW + left - life, not_after=NOW + left
    )


@pytest.mark.parametrize(
    ("left", "life", "expected"),
    [
        (13 * HOUR, DAY, Urgency.OK),
        (6 * HOUR + timedelta(seconds=1), DAY, Urgency.OK),
        (6 * HOUR, DAY, Urgency.WARNING),
        (2 * HOUR, DAY, Urgency.CRITICAL),
        (timedelta(0), DAY, Urgency.EXPIRED),
        (-HOUR, DAY, Urgency.EXPIRED),
        (31 * DAY, 3650 * DAY, Urgency.OK),
        (30 * DAY, 3650 * DAY, Urgency.WARNING),
        (7 * DAY, 3650 * DAY, Urgency.CRITICAL),
    ],
)
def test_urgency_follows_the_life_of_what_lives_shortly_and_the_calendar_for_the_rest(
    left: timedelta, life: timedelta, expected: Urgency
) -> None:
    assert Ending.of(dated(left, life)).urgency(NOW) is expected


def test_an_invitation_is_meant_to_end() -> None:
    assert Ending.of(dated(timedelta(seconds=1), HOUR, DatedKind.INVITATION)).urgency(NOW) is Urgency.OK


def test_the_most_urgent_comes_first_then_what_ends_first() -> None:
    items = [
        dated(300 * DAY, 3650 * DAY, DatedKind.ROOT, "root"),
        dated(20 * HOUR, DAY, DatedKind.LEAF, "gateway gw-1"),
        dated(-DAY, 30 * DAY, DatedKind.CRL, "crl 1"),
        dated(6 * DAY, 3650 * DAY, DatedKind.PARTNER_ANCHOR, "anchor"),
    ]

    found = watch(map(Ending.of, items), NOW)

    assert [(one.subject, one.severity, one.seconds_left) for one in found] == [
        ("crl 1", "expired", -86400),
        ("anchor", "critical", 6 * 86400),
        ("gateway gw-1", "ok", 20 * 3600),
        ("root", "ok", 300 * 86400),
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_are_the_whole_in_parts(limit: int) -> None:
    lives = [(DAY * n / 4, DAY * 3) for n in range(-3, 12)] + [(DAY, 2 * DAY)] * 2
    items = [Ending.of(dated(left, life, name=f"it {n}")) for n, (left, life) in enumerate(lives)]
    whole, after = watch(items, NOW), ""
    parts: list[Expiring] = []

    while True:
        some = page(items, NOW, after=after, limit=limit)
        parts += some.items
        if some.next is None:
            break
        after = some.next

    assert tuple(parts) == whole
    assert some.first == whole[0]
    assert sum(some.counts.values()) == len(whole)


@pytest.mark.parametrize("kind", list(DatedKind))
def test_each_kind_says_what_breaks(kind: DatedKind) -> None:
    (one,) = watch([Ending.of(dated(DAY, DAY, kind))], NOW)

    assert one.breaks
    assert "{" not in one.breaks


def test_a_bundle_ends_with_its_anchors_and_its_lists() -> None:
    visby = organisation(VISBY)
    bundle = visby.bundle(crl_pem(visby.root, 1))

    kinds = [one.kind for one in of_bundle(bundle)]

    assert kinds == [DatedKind.PARTNER_ANCHOR, DatedKind.CRL]


async def test_the_watch_gathers_what_ends_from_everywhere(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "ca", LUEBECK, now=NOW)
    partner = Authority.open(tmp_path / "visby", TrustDomain("visby.example"), now=NOW)
    objects, issued, invitations = FakeObjects(), FakeIssued(), FakeInvitations(now=lambda: NOW)
    gateway = Gateway(
        ObjectId("gw-1"),
        SpiffeId("spiffe://luebeck.example/gateway/gw-1"),
        Endpoint("192.0.2.1", 8443),
        Endpoint("127.0.0.1", 8080),
    )
    bundle: Bundle = partner.bundle()
    await objects.write(
        [Write(Kind.GATEWAY, gateway.key, gateway), Write(Kind.BUNDLE, bundle.key, bundle)], actor="ada"
    )
    for name in ("gw-1", "removed"):
        await issued.note(
            Issued(gateway=name, serial="01", not_before=NOW, not_after=NOW + DAY, signer="first@1")
        )
    stored = StoredInvitation(id="i1", organisation=TrustDomain("bergen.example"), digest="d", verifier="v")
    await invitations.issue(stored, seconds=600, actor="ada", most=3)
    watching = Watch(
        own=LUEBECK,
        authority=authority,
        objects=objects,
        issued=issued,
        invitations=invitations,
        clock=lambda: NOW,
    )

    found = await watching.all()

    assert sorted((one.kind.value, one.organisation) for one in found) == [
        ("intermediate", "luebeck.example"),
        ("invitation", "bergen.example"),
        ("leaf", "luebeck.example"),
        ("partner_anchor", "visby.example"),
        ("root", "luebeck.example"),
    ]
    assert "gateway removed" not in {one.subject for one in found}


async def test_the_watch_sees_what_changed_since_it_looked(tmp_path: Path) -> None:
    partner = Authority.open(tmp_path / "visby", TrustDomain("visby.example"), now=NOW)
    objects, bundle = FakeObjects(), partner.bundle()
    watching = Watch(
        own=LUEBECK,
        authority=Authority.open(tmp_path / "ca", LUEBECK, now=NOW),
        objects=objects,
        issued=FakeIssued(),
        invitations=FakeInvitations(now=lambda: NOW),
        clock=lambda: NOW,
    )

    seen: list[int] = []
    for value in (None, bundle, None):
        if seen:
            mode = Mode.UPSERT if value else Mode.DELETE
            await objects.write([Write(Kind.BUNDLE, bundle.key, value, mode)], actor="ada")
        found = await watching.page(after="", limit=10)
        seen.append(sum(one.kind is DatedKind.PARTNER_ANCHOR for one in found.items))

    assert seen == [0, 1, 0]
