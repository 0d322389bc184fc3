"""What was sealed is only given out as it was, and only to who knows the passphrase."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.backup.sealed import CHUNK, Hardness, Sealer, opened
from control_plane.model.problem import InvalidValueError

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of these tests
QUICK = Hardness(n=2)


def sealed(*parts: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = io.BytesIO()
    sealer = Sealer(file, passphrase, QUICK)
    for part in parts:
        sealer.write(part)
    sealer.close()
    return file.getvalue()


def read(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return b"".join(opened(io.BytesIO(content), passphrase))


def code_of(content: bytes, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(InvalidValueError) as caught:
        read(content, passphrase)
    return caught.value.code


@given(st.lists(st.sampled_from([0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), max_size=4))
@settings(max_examples=25, deadline=None)
def test_what_is_written_in_any_pieces_is_read_back(sizes: list[int]) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]

    assert read(sealed(*parts)) == b"".join(parts)


def test_another_passphrase_reads_nothing() -> None:
    assert code_of(sealed(b"secret"), "another passphrase") == "wrong_passphrase"


def test_a_passphrase_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least 12"):
        sealed(b"secret", passphrase="short")  # noqa: S106 - of this test


def test_the_same_content_is_never_sealed_the_same_and_never_shows() -> None:
    one, other = sealed(b"private key " * 1000), sealed(b"private key " * 1000)

    assert one != other
    assert b"private key" not in one


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_is_never_given_out(data: st.DataObject) -> None:
    content = sealed(b"a" * CHUNK, b"b" * CHUNK, b"end")
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))

    assert code_of(bytes(changed)) in {"not_a_backup", "newer_backup", "damaged_backup", "wrong_passphrase"}


def test_a_file_that_was_cut_or_whose_chunks_were_moved_is_damaged() -> None:
    content = sealed(b"a" * CHUNK, b"b" * CHUNK, b"end")
    start = re.match(rb".*\n.*\n", content)
    assert start
    head, whole = len(start[0]), CHUNK + 16
    first, second = content[head : head + whole], content[head + whole : head + 2 * whole]
    rest = content[head + 2 * whole :]

    assert code_of(content[: head + 2 * whole]) == "damaged_backup"
    assert code_of(content[:-1]) == "damaged_backup"
    assert code_of(content[:head] + first + rest) == "damaged_backup"
    assert code_of(content[:head] + first + second + second + rest) == "damaged_backup"
    assert code_of(content + b"x") == "damaged_backup"
    assert code_of(content[:head] + second + first + rest) == "wrong_passphrase"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not_a_backup"),
        (b"PK\x03\x04", "not_a_backup"),
        (b"proxenia-backup 2\n{}\n", "newer_backup"),
        (b"proxenia-backup 1\n{}\n", "damaged_backup"),
        (
            b'proxenia-backup 1\n{"kdf": "scrypt", "n": 4294967296, "r": 8, "p": 1, "salt": "00"}\n',
            "damaged_backup",
        ),
    ],
)
def test_what_is_no_backup_of_this_version_is_said_to_be_none(content: bytes, code: str) -> None:
    assert code_of(content) == code
