"""Which nodes each organisation has: the same by steps as at once, and the same as the API says."""

from datetime import UTC, datetime

from control_plane.admin.dashboard.finding import MOST, find
from control_plane.admin.dashboard.towns import Seen, Towns
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource
from control_plane.model.sighting import Sighting, SourceKind
from control_plane.ports.discovery import SourceState
from control_plane.ports.objects import Mode, Write
from tests.fakes.objects import FakeObjects
from tests.unit.admin.world import PARTNER

AT = (Endpoint("192.0.2.1", 8443),)
SEEING = {"consul": SourceState.silent("consul")}


def spiffe(name: str) -> SpiffeId:
    return SpiffeId(f"spiffe://{PARTNER}/gateway/{name}")


def node(name: str) -> Write:
    value = Node(ObjectId(name), PARTNER, spiffe(name), AT)
    return Write(Kind.NODE, value.key, value)


def held(name: str, *, offline: bool = False) -> Write:
    sighting = Sighting(
        source="consul",
        kind=SourceKind.CONSUL,
        node_id=ObjectId(name),
        organisation=PARTNER,
        spiffe_id=spiffe(name),
        endpoints=AT,
    )
    now = datetime.now(UTC)
    value = Held(sighting=sighting, since=now, missing=now if offline else None, offline=offline)
    return Write(Kind.SIGHTING, value.key, value)


async def test_what_changes_is_taken_over_step_by_step() -> None:
    objects, towns = FakeObjects(), Towns()
    agreement = Agreement(PARTNER, AgreementState.TRUSTED)
    steps = [
        [Write(Kind.AGREEMENT, PARTNER, agreement), node("a"), held("b")],
        [held("a"), held("b", offline=True)],
        [Write(Kind.NODE, f"a@{PARTNER}", None, Mode.DELETE)],
        [Write(Kind.SIGHTING, f"b@{PARTNER} consul", None, Mode.DELETE)],
    ]
    found = []

    for writes in steps:
        await objects.write(writes, actor="ada")
        await towns.catch_up(objects, objects.revision)
        at_once = Towns()
        await at_once.catch_up(objects, objects.revision)
        assert towns.seen(None, SEEING) == at_once.seen(None, SEEING)
        found.append({name: seen.status for name, seen in towns.seen(None, SEEING).get(PARTNER, {}).items()})

    assert found == [
        {"a": "unknown", "b": "online"},
        {"a": "online", "b": "offline"},
        {"a": "online", "b": "offline"},
        {"a": "online"},
    ]
    assert towns.agreements == {PARTNER: agreement}


async def test_nothing_is_read_when_nothing_is_new() -> None:
    objects, towns = FakeObjects(), Towns()
    await objects.write([node("a")], actor="ada")
    await towns.catch_up(objects, objects.revision)
    objects.down = True

    await towns.catch_up(objects, objects.revision)

    assert towns.seen(None, {}) == {PARTNER: {"a": Seen("unknown", "")}}


async def test_the_box_finds_whatever_is_called_so_the_beginnings_first() -> None:
    objects, towns = FakeObjects(), Towns()
    offer = Resource(ResourceName("orders"), PARTNER, description="Grain by the SACK")
    await objects.write(
        [node("b-a-1"), node("a-1"), held("c"), Write(Kind.RESOURCE, offer.key, offer)], actor="ada"
    )
    await towns.catch_up(objects, objects.revision)

    named, address, described = (find(text, towns, [PARTNER]) for text in (" A-1", "192.0.2.1:84", "sack"))
    everything, nothing = find(PARTNER[:4], towns, [PARTNER]), find(" ", towns, [PARTNER])

    assert named.nodes == (f"a-1@{PARTNER}", f"b-a-1@{PARTNER}")
    assert address.nodes == (f"a-1@{PARTNER}", f"b-a-1@{PARTNER}", f"c@{PARTNER}")
    assert described.resources == (f"orders@{PARTNER}",)
    assert everything.totals == (1, 3, 1)
    assert nothing.totals == (0, 0, 0)


async def test_the_box_names_some_of_many_and_how_many_there_are() -> None:
    objects, towns = FakeObjects(), Towns()
    await objects.write([node(f"n-{number}") for number in range(3 * MOST)], actor="ada")
    await towns.catch_up(objects, objects.revision)

    found = find("n-", towns, ())
    await objects.write([Write(Kind.NODE, f"n-0@{PARTNER}", None, Mode.DELETE)], actor="ada")
    await towns.catch_up(objects, objects.revision)

    assert (len(found.nodes), found.totals[1]) == (MOST, 3 * MOST)
    assert find("n-0@", towns, ()).nodes == ()
