"""How many requests one address may make."""

from control_plane.peering.pace import MAX_PEERS, Pace


def test_an_address_may_make_a_burst_and_then_its_rate() -> None:
    pace = Pace(rate=10, burst=5)

    at_once = [pace.admits("a", 0.0) for _ in range(7)]
    later = [pace.admits("a", 0.3) for _ in range(5)]

    assert at_once == [True] * 5 + [False] * 2
    assert later == [True] * 3 + [False] * 2


def test_one_address_does_not_use_up_anothers_share() -> None:
    pace = Pace(rate=1, burst=1)

    assert pace.admits("a", 0.0)
    assert not pace.admits("a", 0.0)
    assert pace.admits("b", 0.0)


def test_silence_does_not_save_up_more_than_a_burst() -> None:
    pace = Pace(rate=10, burst=2)
    pace.admits("a", 0.0)

    assert [pace.admits("a", 1e6) for _ in range(3)] == [True, True, False]


def test_memory_is_bounded_however_many_come() -> None:
    pace = Pace(rate=1, burst=1)
    for number in range(2 * MAX_PEERS):
        pace.admits(str(number), 0.0)

    assert not pace.admits(str(2 * MAX_PEERS - 1), 0.0)
    assert pace.admits("0", 0.0)
