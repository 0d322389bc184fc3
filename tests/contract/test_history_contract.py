"""What every history does."""

from dataclasses import replace

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.grant import Grant
from control_plane.model.identity import TrustDomain
from control_plane.ports.history import History
from control_plane.ports.objects import Mode, Objects, Write
from tests.fakes.values import LUEBECK, node, one_of_each

ALL = frozenset(Kind)


async def test_an_empty_store_has_no_history(history: History) -> None:
    assert list(await history.revisions()) == []
    assert list(await history.differences(0, ALL, limit=10)) == []


async def test_each_change_is_told_newest_first_with_who_made_it(objects: Objects, history: History) -> None:
    values = {kind: one_of_each()[kind] for kind in (Kind.NODE, Kind.GRANT, Kind.AGREEMENT)}
    await objects.write([Write(kind, v.key, v) for kind, v in values.items()], actor="ada")
    await objects.write([Write(Kind.NODE, "lb-1@luebeck.example", None, Mode.DELETE)], actor="bob")

    told = await history.revisions()

    assert [(each.revision, each.actor, each.objects) for each in told] == [(2, "bob", 1), (1, "ada", 3)]
    assert told[0].named == ("node lb-1@luebeck.example",)
    assert list(told[1].named) == sorted(told[1].named)


async def test_history_is_read_in_pages(objects: Objects, history: History) -> None:
    for number in range(5):
        await objects.write([Write(Kind.NODE, node().key, node(port=1 + number))], actor="ada")

    first = await history.revisions(limit=2)
    second = await history.revisions(before=first[-1].revision, limit=2)

    assert [each.revision for each in (*first, *second)] == [5, 4, 3, 2]


async def test_what_came_after_a_revision_is_told_oldest_first_with_its_kinds(
    objects: Objects, history: History
) -> None:
    values = {kind: one_of_each()[kind] for kind in (Kind.NODE, Kind.GRANT)}
    await objects.write([Write(kind, v.key, v) for kind, v in values.items()], actor="ada")
    for number in range(4):
        await objects.write([Write(Kind.NODE, node().key, node(port=1 + number))], actor="ada")

    told = await history.since(0, limit=2)
    later = await history.since(told[-1].revision)

    assert [each.revision for each in (*told, *later)] == [1, 2, 3, 4, 5]
    assert [each.kinds for each in told] == [("grant", "node"), ("node",)]
    assert list(await history.since(5)) == []


async def test_what_differs_from_then_is_found_and_what_came_back_is_not(
    objects: Objects, history: History
) -> None:
    kept, changed, gone = node("a"), node("b"), node("c")
    await objects.write([Write(Kind.NODE, each.key, each) for each in (kept, changed, gone)], actor="ada")
    other, new = replace(changed, name="other"), node("d")
    await objects.write(
        [Write(Kind.NODE, other.key, other), Write(Kind.NODE, node("d").key, node("d"))], actor="ada"
    )
    await objects.write([Write(Kind.NODE, gone.key, None, Mode.DELETE)], actor="ada")
    await objects.write([Write(Kind.NODE, kept.key, replace(kept, name="x"))], actor="ada")
    await objects.write([Write(Kind.NODE, kept.key, kept)], actor="ada")

    found = await history.differences(1, ALL, limit=10)

    assert [(each.key, each.then, each.now.value if each.now else None) for each in found] == [
        (changed.key, changed, other),
        (gone.key, gone, None),
        (new.key, None, new),
    ]


async def test_only_the_kinds_that_are_asked_for_are_compared(objects: Objects, history: History) -> None:
    values = one_of_each()
    await objects.write([Write(kind, v.key, v) for kind, v in values.items()], actor="ada")

    found = await history.differences(0, {Kind.GRANT}, limit=10)

    assert [each.kind for each in found] == [Kind.GRANT]
    assert found[0].then is None
    assert found[0].now is not None
    assert isinstance(found[0].now.value, Grant)


async def test_trust_counts_from_when_it_was_given_last(objects: Objects, history: History) -> None:
    states = (
        AgreementState.PENDING,
        AgreementState.TRUSTED,
        AgreementState.REVOKED,
        AgreementState.TRUSTED,
    )
    for state in states:
        agreement = Agreement(LUEBECK, state)
        await objects.write([Write(Kind.AGREEMENT, LUEBECK, agreement)], actor="ada")
    paused = Agreement(LUEBECK, AgreementState.TRUSTED, paused=True)
    given = (await history.revisions(limit=1))[0].at
    await objects.write([Write(Kind.AGREEMENT, LUEBECK, paused)], actor="ada")
    other = TrustDomain("other.example")
    await objects.write([Write(Kind.AGREEMENT, other, Agreement(other))], actor="ada")

    assert await history.trusted_since([LUEBECK, other]) == {LUEBECK: given}
    assert await history.trusted_since([]) == {}
