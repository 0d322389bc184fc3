"""What is stored and signed with the rows of one transaction."""

from datetime import date

import pytest

from control_plane.chain.batch import ENTRY, Claim, pack, unpack, vouched

ENTRIES = [(-5, b"a" * 32), (7 << 50, b"b" * 32)]
CLAIM = Claim("log", 9, date(2026, 3, 1), pack(ENTRIES))


def test_a_body_gives_back_what_was_packed() -> None:
    assert list(unpack(CLAIM.body)) == ENTRIES
    assert len(CLAIM.body) == 2 * ENTRY


def test_a_body_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a multiple of 40 bytes, got 41"):
        list(unpack(b"x" * 41))


@pytest.mark.parametrize(
    "other",
    [
        Claim("other", 9, CLAIM.day, CLAIM.body),
        Claim("log", 8, CLAIM.day, CLAIM.body),
        Claim("log", 9, date(2026, 3, 2), CLAIM.body),
        Claim("log", 9, CLAIM.day, CLAIM.body[:40]),
        Claim("log", 9, CLAIM.day, CLAIM.body[40:] + CLAIM.body[:40]),
    ],
)
def test_a_claim_is_of_one_log_batch_day_and_body(other: Claim) -> None:
    assert other.payload() != CLAIM.payload()


def test_what_vouches_for_a_batch_is_its_signature_or_what_it_says() -> None:
    assert vouched(CLAIM, b"signed") == b"signed"
    assert vouched(CLAIM, b"") == CLAIM.payload()
