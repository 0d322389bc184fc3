"""What everything does that keeps answers by key."""

from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from control_plane.ports.answers import (
    AnswerKey,
    AnswerKeys,
    KeptAnswer,
    KeyInUseError,
    KeyReusedError,
    KeyUnfinishedError,
    Turn,
)

KEY = AnswerKey("token:ada", "k-1", b"one request")
OTHER = AnswerKey("token:ada", "k-1", b"another request")
OF_BOB = AnswerKey("token:bob", "k-1", b"another request")
ANSWER = KeptAnswer(201, {"ETag": '"7"'}, b'{"id": "x"}')


async def test_what_was_answered_is_answered_again(answers: AnswerKeys) -> None:
    async with answers.together(KEY) as turn:
        turn.answer = ANSWER
    async with answers.apart(OF_BOB, within=60) as turn:
        assert turn.earlier is None
        turn.answer = KeptAnswer(204, {}, None)

    async with answers.together(KEY) as turn:
        assert turn.earlier == ANSWER
    async with answers.apart(OF_BOB, within=60) as turn:
        assert turn.earlier == KeptAnswer(204, {}, None)


async def test_a_key_is_for_one_request(answers: AnswerKeys) -> None:
    async with answers.together(KEY) as turn:
        turn.answer = ANSWER

    with pytest.raises(KeyReusedError):
        async with answers.together(OTHER):
            pass
    with pytest.raises(KeyReusedError):
        async with answers.apart(OTHER, within=60):
            pass


async def test_a_key_is_in_use_until_its_request_is_done(answers: AnswerKeys) -> None:
    async with answers.together(KEY):
        with pytest.raises(KeyInUseError):
            async with answers.together(KEY):
                pass
    async with answers.apart(OF_BOB, within=60):
        with pytest.raises(KeyInUseError):
            async with answers.apart(OF_BOB, within=60):
                pass


async def fails(block: AbstractAsyncContextManager[Turn], *, unsure: bool = False) -> None:
    async with block as turn:
        turn.unsure = unsure
        raise LookupError


async def test_what_failed_frees_its_key_for_any_request(answers: AnswerKeys) -> None:
    for make in (answers.together, partial(answers.apart, within=60)):
        with pytest.raises(LookupError):
            await fails(make(KEY))

        async with make(OTHER) as turn:
            assert turn.earlier is None


async def test_what_ended_in_the_dark_is_not_done_again(answers: AnswerKeys) -> None:
    with pytest.raises(LookupError):
        await fails(answers.apart(KEY, within=60), unsure=True)

    with pytest.raises(KeyUnfinishedError):
        async with answers.apart(KEY, within=60):
            pass
