"""What Envoy is given of a partner's lists, under both policies, as time goes by."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.bundle import Bundle
from control_plane.model.crl import CrlMode, CrlPolicy
from control_plane.pki.in_force import MAX_DENIED, in_force
from control_plane.pki.lists import check_lists, describe_lists
from tests.unit.pki.federation import VISBY, organisation
from tests.unit.pki.minting import DAY, NOW, authority, chain_pem, crl_pem, mint

HOUR = timedelta(hours=1)
SOFT = CrlPolicy(CrlMode.SOFT, grace=DAY)
ROOT, ISSUING = organisation(VISBY).root, organisation(VISBY).issuing
FLAT = mint(authority("flat root", path_length=0))  # signs leaves only
OTHER = mint(authority("other root", path_length=0))


def bundle(*crls: str, policy: CrlPolicy = SOFT, anchors: tuple[str, ...] = (chain_pem(ROOT),)) -> Bundle:
    return replace(organisation(VISBY).bundle(*crls), anchors=anchors, crl_policy=policy)


def codes(held: Bundle, now: datetime = NOW) -> list[str]:
    return [problem.code for problem in in_force(held, now).problems]


def test_without_lists_time_means_nothing() -> None:
    held = bundle()

    assert in_force(held, NOW) == in_force(held, NOW + 1000 * DAY)
    assert in_force(held, NOW).until is None


def test_hard_gives_envoy_everything_and_tells_what_that_refuses() -> None:
    held = bundle(crl_pem(FLAT), policy=CrlPolicy(), anchors=(chain_pem(FLAT), chain_pem(OTHER)))

    found, later = in_force(held, NOW), in_force(held, NOW + 2 * DAY)

    assert found.bundle == later.bundle == held
    assert [problem.code for problem in found.problems] == ["crl_missing"]
    assert [problem.code for problem in later.problems] == ["crl_expired", "crl_missing"]
    assert found.until == NOW + DAY
    assert later.until is None


def test_hard_denies_by_serial_number_what_only_an_older_list_names() -> None:
    held = bundle(crl_pem(ROOT, 7), crl_pem(ROOT, 8, begin=NOW - HOUR), policy=CrlPolicy())

    assert in_force(held, NOW).serials == ("07", "08")


def test_soft_gives_envoy_lists_that_are_complete_and_in_force() -> None:
    for held in (
        bundle(crl_pem(ROOT), crl_pem(ISSUING, 7)),
        bundle(crl_pem(FLAT, 7), anchors=(chain_pem(FLAT),)),
    ):
        found = in_force(held, NOW)
        assert (found.bundle, found.serials, found.problems) == (held, (), ())


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(bundle(crl_pem(ROOT, 7)), id="there may be authorities below the root"),
        pytest.param(bundle(crl_pem(ISSUING, 7)), id="none of the root"),
        pytest.param(
            bundle(crl_pem(FLAT, 7), anchors=(chain_pem(FLAT), chain_pem(OTHER))), id="none of another root"
        ),
        pytest.param(
            bundle(crl_pem(ROOT), crl_pem(ISSUING, 7, begin=NOW - 2 * DAY, end=NOW - HOUR)), id="one is late"
        ),
        pytest.param(
            bundle(crl_pem(ROOT, 7), crl_pem(ISSUING, begin=NOW + HOUR, end=NOW + DAY)), id="one is early"
        ),
    ],
)
def test_soft_denies_by_serial_number_what_envoy_cannot_be_told(held: Bundle) -> None:
    found = in_force(held, NOW)

    assert found.bundle == replace(held, crls=())
    assert found.serials == ("07",)
    assert [problem.code for problem in found.problems] == ["crl_left_out"]


def test_soft_takes_lists_from_envoy_before_they_end() -> None:
    held = bundle(crl_pem(FLAT, 7), anchors=(chain_pem(FLAT),))

    first = in_force(held, NOW)
    assert first.until is not None
    second = in_force(held, first.until)

    assert NOW < first.until < NOW + DAY
    assert (bool(first.bundle.crls), bool(second.bundle.crls)) == (True, False)
    assert second.serials == ("07",)


def test_an_anchor_whose_grace_is_over_is_left_out_and_no_other() -> None:
    over = crl_pem(FLAT, 7, begin=NOW - 3 * DAY, end=NOW - 2 * DAY)
    held = bundle(over, anchors=(chain_pem(FLAT), chain_pem(OTHER)))

    found = in_force(held, NOW)

    assert found.bundle == replace(held, anchors=(chain_pem(OTHER),), crls=())
    assert codes(held) == ["crl_expired", "crl_left_out"]


def test_grace_that_is_over_below_the_anchors_takes_envoys_own_policy() -> None:
    held = bundle(crl_pem(ROOT), crl_pem(ISSUING, 7, begin=NOW - 3 * DAY, end=NOW - 2 * DAY))

    assert in_force(held, NOW).bundle == held
    assert codes(held) == ["crl_expired", "crl_not_soft"]


def test_more_serial_numbers_than_can_be_compared_with_take_envoys_own_policy() -> None:
    held = bundle(crl_pem(ROOT, *range(1, MAX_DENIED + 2)))

    assert in_force(held, NOW).bundle == held
    assert codes(held) == ["crl_not_soft"]


def test_lists_that_cannot_be_read_are_told_and_given_as_they_are() -> None:
    held = bundle("not a list")

    assert in_force(held, NOW).bundle == held
    assert codes(held) == ["crl_unreadable"]


@given(
    st.lists(
        st.builds(
            lambda issuer, serial, begin, life: crl_pem(
                issuer, *serial, begin=NOW + begin * HOUR, end=NOW + (begin + life) * HOUR
            ),
            st.sampled_from([ROOT, ISSUING, FLAT]),
            st.sampled_from([(), (7,)]),
            st.integers(-50, 10),
            st.integers(1, 60),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([SOFT, CrlPolicy()]),
    st.lists(st.integers(0, 200), min_size=1, max_size=8),
)
def test_nothing_changes_before_its_date(crls: list[str], policy: CrlPolicy, hours: list[int]) -> None:
    held = bundle(*crls, policy=policy, anchors=(chain_pem(ROOT), chain_pem(FLAT)))
    known = in_force(held, NOW)

    for hour in sorted(hours):
        now = NOW + hour * HOUR
        found = in_force(held, now)
        if known.until is None or now < known.until:
            assert found == known
        known = found


def test_lists_are_described_with_whose_they_are() -> None:
    held = bundle(*check_lists(crl_pem(ROOT, 7, 8) + crl_pem(ISSUING), bundle(), SOFT))

    assert [(one.of_anchor, one.revoked) for one in describe_lists(held)] == [(True, 2), (False, 0)]
