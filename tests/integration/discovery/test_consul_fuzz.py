"""Whatever bytes a server that calls itself Consul answers, the source says something sound and lives on."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.discovery.consul import ConsulSource
from control_plane.discovery.consul_http import ConsulOptions
from tests.contract.source_world import Reader
from tests.integration.discovery.front import Front, answer

STATUS = st.sampled_from(
    [b"200 OK", b"204 No Content", b"301 X", b"403 X", b"500 X", b"600 X", b"abc", b"100 X"]
)
NAMES = st.sampled_from(
    [b"X-Consul-Index", b"X-Consul-KnownLeader", b"Content-Type", b"Content-Encoding", b"Transfer-Encoding"]
)
VALUES = st.sampled_from([b"7", b"-1", b"true", b"false", b"gzip", b"chunked", b"", b"\xff\xfe", b"9" * 400])
BODIES = st.binary(max_size=60) | st.sampled_from(
    [b"[]", b"[{}]", b'[{"Service":{"ID":"x","Meta":{"org":"a.example"}}}]', b"null", b"[[[[", b"ff\r\n"]
)


def head(status: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    return (
        b"HTTP/1.1 " + status + b"\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    )


ANSWERS = st.binary(max_size=120) | st.builds(
    answer, BODIES, st.builds(head, STATUS, st.lists(st.tuples(NAMES, VALUES), max_size=4))
)


async def follow(answers: list[bytes]) -> None:
    front = Front("http://127.0.0.1:1")
    await front.start()
    source = ConsulSource(ConsulOptions(address=front.address, patience=0.05))
    try:
        async with Reader(source) as reader:
            for said in answers:
                await front.lie(said)
                source.look()
                reader.forget()
                await reader.next()
    finally:
        await front.stop()


@settings(max_examples=60)
@given(st.lists(ANSWERS, min_size=1, max_size=6))
def test_whatever_is_answered_there_is_a_report(answers: list[bytes]) -> None:
    asyncio.run(follow(answers))
