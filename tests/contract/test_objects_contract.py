"""What every store of objects does."""

import asyncio
from collections.abc import Sequence

import pytest

from control_plane.model.bundle import Bundle
from control_plane.model.change import Item, Kind, Value
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import ConflictError, MissingError
from control_plane.ports.objects import Mode, Objects, Write
from tests.fakes.values import LUEBECK, node, one_of_each

OTHER = "other.example"


def put(
    value: Value, *, kind: Kind = Kind.NODE, mode: Mode = Mode.UPSERT, expected: int | None = None
) -> Write:
    return Write(kind, value.key, value, mode, expected)


def delete(key: str, *, expected: int | None = None) -> Write:
    return Write(Kind.NODE, key, None, Mode.DELETE, expected)


async def everything(objects: Objects) -> dict[tuple[Kind, str], Value | None]:
    return {(item.kind, item.key): item.value for item in (await objects.changes(0)).items}


async def test_an_empty_store_is_at_revision_0(objects: Objects) -> None:
    change = await objects.changes(0)

    assert change.revision == 0
    assert change.items == ()


async def test_every_kind_comes_back_as_it_was_written(objects: Objects) -> None:
    values = one_of_each()

    revision = await objects.write([put(value, kind=kind) for kind, value in values.items()], actor="ada")

    assert revision == 1
    for kind, value in values.items():
        stored = await objects.get(kind, value.key)
        assert stored is not None
        assert stored.value == value
        assert type(stored.value) is type(value)
        assert (stored.kind, stored.key, stored.revision) == (kind, value.key, 1)
        assert stored.created_at == stored.updated_at
        assert stored.created_at.utcoffset() is not None


async def test_an_object_that_is_not_there_is_none(objects: Objects) -> None:
    assert await objects.get(Kind.NODE, "nobody@luebeck.example") is None


async def test_a_change_of_nothing_makes_no_revision(objects: Objects) -> None:
    first = await objects.write([put(node())], actor="ada")

    again = await objects.write([put(node())], actor="ada")
    empty = await objects.write([], actor="ada")

    assert (first, again, empty) == (1, 1, 1)
    assert (await objects.changes(1)).items == ()


async def test_only_what_differs_gets_the_new_revision(objects: Objects) -> None:
    await objects.write([put(node("a")), put(node("b"))], actor="ada")

    await objects.write([put(node("a")), put(node("b", port=9000))], actor="ada")

    change = await objects.changes(1)
    assert change.revision == 2
    assert change.items == (Item(Kind.NODE, f"b@{LUEBECK}", node("b", port=9000)),)


async def test_an_update_keeps_the_time_of_creation(objects: Objects) -> None:
    await objects.write([put(node())], actor="ada")
    before = await objects.get(Kind.NODE, node().key)

    await objects.write([put(node(port=9000))], actor="ada")

    after = await objects.get(Kind.NODE, node().key)
    assert before is not None
    assert after is not None
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at
    assert after.revision == 2


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (put(node("there"), mode=Mode.CREATE), ConflictError),
        (put(node("missing"), mode=Mode.REPLACE), MissingError),
        (delete(f"missing@{LUEBECK}"), MissingError),
        (put(node("there", port=1), expected=7), ConflictError),
        (put(node("there", port=1), mode=Mode.REPLACE, expected=0), ConflictError),
        (put(node("missing"), expected=1), ConflictError),
        (put(node("missing"), mode=Mode.REPLACE, expected=1), MissingError),
        (delete(f"there@{LUEBECK}", expected=2), ConflictError),
    ],
)
async def test_one_precondition_that_fails_undoes_the_whole_change(
    objects: Objects, bad: Write, error: type[Exception]
) -> None:
    await objects.write([put(node("there"))], actor="ada")

    with pytest.raises(error):
        await objects.write([put(node("new")), bad, put(node("last"))], actor="ada")

    change = await objects.changes(0)
    assert change.revision == 1
    assert [item.key for item in change.items] == [f"there@{LUEBECK}"]


async def test_preconditions_that_hold_let_the_change_through(objects: Objects) -> None:
    await objects.write([put(node("a")), put(node("b"))], actor="ada")
    writes: Sequence[Write] = [
        put(node("new"), mode=Mode.CREATE, expected=0),
        put(node("a", port=1), mode=Mode.REPLACE, expected=1),
        delete(f"b@{LUEBECK}", expected=1),
        put(node("c"), expected=0),
    ]

    revision = await objects.write(writes, actor="ada")

    assert revision == 2
    assert sorted(key for _, key in await everything(objects)) == [
        f"{n}@{LUEBECK}" for n in ("a", "c", "new")
    ]


async def test_a_failed_precondition_names_the_object(objects: Objects) -> None:
    await objects.write([put(node("a"))], actor="ada")

    with pytest.raises(ConflictError, match=f"expected node a@{LUEBECK} at revision 9, got 1"):
        await objects.write([put(node("a", port=1), expected=9)], actor="ada")


async def test_what_was_deleted_is_told_to_followers_and_to_nobody_else(objects: Objects) -> None:
    await objects.write([put(node("a")), put(node("b"))], actor="ada")

    await objects.write([delete(f"a@{LUEBECK}")], actor="ada")

    assert await objects.get(Kind.NODE, f"a@{LUEBECK}") is None
    assert (await objects.changes(1)).items == (Item(Kind.NODE, f"a@{LUEBECK}", None),)
    assert set(await everything(objects)) == {(Kind.NODE, f"b@{LUEBECK}")}
    assert [stored.key for stored in await objects.page(Kind.NODE)] == [f"b@{LUEBECK}"]
    with pytest.raises(MissingError):
        await objects.write([delete(f"a@{LUEBECK}")], actor="ada")


async def test_what_was_deleted_can_be_created_again_as_something_new(objects: Objects) -> None:
    await objects.write([put(node())], actor="ada")
    first = await objects.get(Kind.NODE, node().key)
    await objects.write([delete(node().key)], actor="ada")

    await objects.write([put(node(), mode=Mode.CREATE)], actor="ada")

    second = await objects.get(Kind.NODE, node().key)
    assert first is not None
    assert second is not None
    assert second.revision == 3
    assert second.created_at > first.created_at
    assert [stored.key for stored in await objects.page(Kind.NODE, organisation=LUEBECK)] == [node().key]


async def test_changes_hold_each_object_once_in_its_last_state(objects: Objects) -> None:
    for port in range(1, 6):
        await objects.write([put(node(port=port))], actor="ada")

    change = await objects.changes(2)

    assert change.revision == 5
    assert change.items == (Item(Kind.NODE, node().key, node(port=5)),)


async def test_changes_may_be_of_some_kinds_alone(objects: Objects) -> None:
    values = one_of_each()
    await objects.write([put(values[Kind.NODE])], actor="ada")
    await objects.write([put(value, kind=kind) for kind, value in values.items()], actor="ada")

    for since, revision in ((0, 2), (1, 2), (2, 2)):
        change = await objects.changes(since, kinds=(Kind.BUNDLE, Kind.GATEWAY))

        kinds = {item.kind for item in change.items}
        assert (change.revision, kinds) == (revision, {Kind.BUNDLE, Kind.GATEWAY} if since < 2 else set())


async def test_the_future_holds_no_changes(objects: Objects) -> None:
    await objects.write([put(node())], actor="ada")

    change = await objects.changes(99)

    assert change.revision == 1
    assert change.items == ()


async def test_pages_follow_the_order_of_bytes_and_miss_nothing(objects: Objects) -> None:
    names = ["B", "a", "b-1", "b.1", "b1", "b_1", "C", "10", "9", "b"]
    await objects.write([put(node(name)) for name in names], actor="ada")

    found: list[str] = []
    while page := await objects.page(Kind.NODE, after=found[-1] if found else "", limit=3):
        assert len(page) <= 3
        found += [stored.key for stored in page]

    assert found == sorted((f"{name}@{LUEBECK}" for name in names), key=str.encode)


async def test_a_page_can_be_of_one_organisation_and_is_of_one_kind(objects: Objects) -> None:
    values = one_of_each()
    ours = [put(value, kind=kind) for kind, value in values.items()]
    await objects.write([*ours, put(node("x", organisation=OTHER))], actor="ada")

    of_other = await objects.page(Kind.NODE, organisation=OTHER)
    counts = {kind: len(await objects.page(kind, organisation=LUEBECK)) for kind in Kind}
    gateways = await objects.page(Kind.GATEWAY, organisation="home.example")

    assert [stored.key for stored in of_other] == [f"x@{OTHER}"]
    assert counts == {kind: 0 if kind is Kind.GATEWAY else 1 for kind in Kind}
    assert [stored.key for stored in gateways] == ["gw-1"]


async def test_of_concurrent_creations_exactly_one_succeeds(objects: Objects) -> None:
    attempts = [objects.write([put(node(port=port), mode=Mode.CREATE)], actor="ada") for port in range(1, 9)]

    results = await asyncio.gather(*attempts, return_exceptions=True)

    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == len(results) - 1
    assert (await objects.changes(0)).revision == 1


async def test_concurrent_changes_each_get_a_revision_of_their_own(objects: Objects) -> None:
    attempts = [objects.write([put(node(f"n{number}"))], actor="ada") for number in range(20)]

    revisions = await asyncio.gather(*attempts)

    assert sorted(revisions) == list(range(1, 21))
    assert len(await everything(objects)) == 20


@pytest.mark.parametrize(
    "bad",
    [
        Write(Kind.NODE, "somebody@else.example", node()),
        Write(Kind.GRANT, node().key, node()),
        Write(Kind.NODE, node().key, None),
        Write(Kind.NODE, node().key, node(), Mode.DELETE),
    ],
)
async def test_a_write_that_makes_no_sense_is_refused(objects: Objects, bad: Write) -> None:
    with pytest.raises(InvalidValueError):
        await objects.write([bad], actor="ada")

    assert (await objects.changes(0)).revision == 0


async def test_an_object_twice_in_one_change_is_refused(objects: Objects) -> None:
    with pytest.raises(ConflictError, match="once"):
        await objects.write([put(node(port=1)), put(node(port=2))], actor="ada")

    assert (await objects.changes(0)).revision == 0


@pytest.mark.parametrize("text", ["NUL \0 inside", "half a pair \ud800"])
async def test_text_that_cannot_be_stored_is_refused_and_harms_nothing(objects: Objects, text: str) -> None:
    bundle = Bundle(LUEBECK, (text,))

    with pytest.raises(InvalidValueError):
        await objects.write([put(bundle, kind=Kind.BUNDLE)], actor="ada")

    assert await objects.write([put(node())], actor="ada") == 1


async def test_text_that_only_looks_like_an_escape_is_kept(objects: Objects) -> None:
    bundle = Bundle(LUEBECK, ("a backslash and u0000: \\u0000, \\\\u0000",))

    await objects.write([put(bundle, kind=Kind.BUNDLE)], actor="ada")

    stored = await objects.get(Kind.BUNDLE, bundle.key)
    assert stored is not None
    assert stored.value == bundle


async def test_followers_are_woken_at_the_start_and_by_a_change(objects: Objects) -> None:
    wakeups = objects.wakeups()
    async with asyncio.timeout(4):  # less than the pause of polling
        await anext(wakeups)
        seen = 0
        await objects.write([put(node())], actor="ada")
        while not seen:
            await anext(wakeups)
            seen = (await objects.changes(0)).revision

    assert seen == 1
    await wakeups.aclose()  # type: ignore[attr-defined] # both are generators


async def test_many_are_read_at_once_and_what_is_not_there_is_left_out(objects: Objects) -> None:
    await objects.write([put(node(name)) for name in ("a", "b", "c")], actor="ada")
    await objects.write([delete(node("b").key)], actor="ada")

    found = await objects.many(Kind.NODE, [node(name).key for name in ("a", "b", "x")])

    assert found == {node("a").key: await objects.get(Kind.NODE, node("a").key)}
    assert await objects.many(Kind.NODE, []) == {}
    assert await objects.many(Kind.GRANT, [node("a").key]) == {}
