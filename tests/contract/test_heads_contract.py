"""What every keeping of witnessed heads does."""

from dataclasses import replace
from datetime import timedelta

from control_plane.model.identity import TrustDomain
from control_plane.ports.heads import Evidence, HeadKeeping, HeldHead
from tests.fakes.values import LUEBECK, MOMENT

VISBY, RIGA = TrustDomain("visby.example"), TrustDomain("riga.example")


def held(size: int, organisation: TrustDomain = LUEBECK) -> HeldHead:
    return HeldHead(
        organisation=organisation,
        log_id="6f0d1b0a-0000-4000-8000-000000000001",
        size=size,
        head=f"head.{size}".encode(),
        countersigned=f"signed.{size}".encode(),
        at=MOMENT + timedelta(hours=size),
    )


def evidence(number: int, organisation: TrustDomain = LUEBECK) -> Evidence:
    return Evidence(
        organisation=organisation,
        code="head_forked",
        detail="it forked",
        held=b"held",
        offered=f"offered.{number}".encode(),
        proof=(bytes(32),),
        at=MOMENT,
    )


async def test_the_last_head_of_each_side_is_known(heads: HeadKeeping) -> None:
    assert await heads.theirs(LUEBECK) is None
    assert await heads.keep_theirs(held(1), after=None)
    assert await heads.keep_theirs(held(5), after=held(1))
    await heads.keep_ours(held(3))
    await heads.keep_ours(held(4, VISBY))

    assert await heads.theirs(LUEBECK) == held(5)
    assert await heads.ours(LUEBECK) == held(3)
    assert await heads.theirs(VISBY) is None
    assert await heads.all() == [("ours", held(3)), ("theirs", held(5)), ("ours", held(4, VISBY))]


async def test_the_last_heads_are_read_in_parts(heads: HeadKeeping) -> None:
    for organisation in (VISBY, LUEBECK, RIGA):
        for size in (1, 2, 3):
            await heads.keep_ours(held(size, organisation))
    await heads.keep_theirs(held(7), after=None)

    parts, after = [], ("", "")
    while part := await heads.all(after=after, limit=2):
        parts.append(part)
        after = part[-1][1].organisation, part[-1][0]

    assert [len(part) for part in parts] == [2, 2]
    assert [one for part in parts for one in part] == await heads.all()
    assert parts[0] == [("ours", held(3)), ("theirs", held(7))]


async def test_what_was_judged_against_an_older_head_is_not_kept(heads: HeadKeeping) -> None:
    await heads.keep_theirs(held(1), after=None)
    await heads.keep_theirs(held(5), after=held(1))

    assert not await heads.keep_theirs(held(6), after=held(1))
    assert not await heads.keep_theirs(held(6), after=None)
    assert await heads.keep_theirs(replace(held(5), head=b"again"), after=held(5))
    assert await heads.theirs(LUEBECK) == held(5)


async def test_evidence_is_kept_once_until_an_operator_accepts_the_log(heads: HeadKeeping) -> None:
    await heads.keep_theirs(held(9), after=None)
    kept = [await heads.keep_evidence(evidence(number)) for number in (1, 2, 1)]
    await heads.keep_evidence(evidence(3, VISBY))

    before = await heads.evidence(limit=10)
    await heads.accept(LUEBECK, actor="alice")

    assert kept == [True, True, False]
    assert before == [evidence(3, VISBY), evidence(2), evidence(1)]
    assert await heads.evidence(limit=10) == [evidence(3, VISBY)]
    assert await heads.theirs(LUEBECK) is None
    assert await heads.keep_theirs(held(2), after=None)
    assert await heads.theirs(LUEBECK) == held(2)
