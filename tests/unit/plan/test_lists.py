"""Only bundles whose date has passed are asked about again."""

from datetime import UTC, datetime, timedelta

from control_plane.model.bundle import Bundle
from control_plane.model.federation import InForce
from control_plane.model.identity import TrustDomain
from control_plane.plan.lists import Lists

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE, TWO = TrustDomain("one.example"), TrustDomain("two.example")


class Judged:
    """Counts the questions; each bundle's sequence is the hour at which it begins to count otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, bundle: Bundle, now: datetime) -> InForce:
        self.asked.append(bundle.organisation)
        date = START + bundle.sequence * HOUR
        return InForce(bundle, until=date) if now < date else InForce(bundle, ("07",))


def bundle(organisation: TrustDomain, hour: int, *crls: str) -> Bundle:
    return Bundle(organisation, ("anchor",), crls, hour)


def test_a_bundle_is_asked_about_when_it_comes_and_when_its_date_passes() -> None:
    judged = Judged()
    lists = Lists(judged)
    lists.move(START)
    lists.put(ONE, bundle(ONE, 1, "crl"))
    lists.put(TWO, bundle(TWO, 5, "crl"))

    due = [lists.due(START + hour * HOUR) for hour in (0, 1)]
    moved = lists.move(START + HOUR)

    assert due == [False, True]
    assert moved == {ONE}
    assert judged.asked == [ONE, TWO, ONE]
    assert (lists.serials(ONE), lists.serials(TWO)) == (("07",), ())


def test_a_bundle_without_lists_is_never_asked_about() -> None:
    judged = Judged()
    lists = Lists(judged)
    lists.put(ONE, bundle(ONE, 1))

    assert lists.move(START + 100 * HOUR) == set()
    assert judged.asked == []
    assert lists.of(bundle(ONE, 1)) == InForce(bundle(ONE, 1))


def test_a_bundle_that_is_gone_has_no_date() -> None:
    lists = Lists(Judged())
    lists.move(START)
    lists.put(ONE, bundle(ONE, 1, "crl"))
    lists.put(ONE, None)

    assert lists.move(START + HOUR) == set()
    assert not lists.due(START + 2 * HOUR)
    assert lists.serials(ONE) == ()


def test_a_clock_that_is_put_back_makes_everything_uncertain() -> None:
    lists = Lists(Judged())
    lists.move(START + 2 * HOUR)
    lists.put(ONE, bundle(ONE, 1, "crl"))

    assert lists.due(START)
    assert lists.move(START) == {ONE}
    assert lists.serials(ONE) == ()
    assert lists.move(START + HOUR) == {ONE}
