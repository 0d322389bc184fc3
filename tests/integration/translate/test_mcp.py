"""Calls of tools at a real ingress: what is granted passes, and no spelling of the rest does."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import CALLER_ID, Parties
from tests.integration.translate.test_strangers import context

pytestmark = pytest.mark.integration

JSON = "application/json"
BOTH = "application/json, text/event-stream"


@dataclass(frozen=True)
class Message:
    """One request as bytes, so that no library tidies it."""

    body: bytes | str = b""
    method: str = "POST"
    content_type: str = JSON
    accept: str = BOTH
    more: str = ""

    def wire(self) -> bytes:
        content = self.body.encode() if isinstance(self.body, str) else self.body
        lines = [
            f"{self.method} /mcp HTTP/1.1",
            "Host: tools.server.example",
            f"Accept: {self.accept}",
            f"Content-Length: {len(content)}",
            *([f"Content-Type: {self.content_type}"] if self.content_type else []),
            *([self.more] if self.more else []),
            "Connection: close" if "Upgrade" not in self.more else "Connection: Upgrade",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + content


def call(tool: str, method: str = "tools/call") -> str:
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": tool, "arguments": {}}}
    )


@pytest.fixture
def friend(shared: Parties, tmp_path: Path) -> ssl.SSLContext:
    """The caller's own certificate, at the ingress: a partner's gateway may send whatever it likes."""
    return context(tmp_path, shared.caller_authority.leaf(CALLER_ID))


async def sent(both: Parties, tls: ssl.SSLContext, message: Message) -> int:
    """The status of ``message``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", both.servers[0].ports["ingress"], ssl=tls)
    try:
        writer.write(message.wire())
        return int((await asyncio.wait_for(reader.readline(), 5)).split()[1])
    finally:
        writer.close()


ALLOWED = {
    "a granted tool": Message(call("x")),
    "the other granted tool": Message(call("x_2")),
    "the beginning of a session": Message(call("", "initialize")),
    "that it began": Message('{"jsonrpc":"2.0","method":"notifications/initialized"}'),
    "a ping": Message('{"jsonrpc":"2.0","id":2,"method":"ping"}'),
    "the list of tools": Message('{"jsonrpc":"2.0","id":3,"method":"tools/list"}'),
    "the stream": Message(method="GET", content_type=""),
    "the end of a session": Message(method="DELETE", content_type="", more="Mcp-Session-Id: 1"),
    "a granted tool, escaped": Message(call("x").replace('"x"', '"\\u0078"')),
    "a large call": Message(call("x").replace("{}", json.dumps({"text": "a" * 60_000}))),
}


async def test_what_a_session_needs_and_granted_tools_pass(shared: Parties, friend: ssl.SSLContext) -> None:
    answered = {what: await sent(shared, friend, message) for what, message in ALLOWED.items()}

    assert answered == dict.fromkeys(ALLOWED, 200)


X, Y = call("x"), call("y")
REFUSED = {
    "another tool": (Message(Y), 403),
    "another tool, escaped": (Message(Y.replace('"y"', '"\\u0079"')), 403),
    "another tool with an escaped key": (Message(Y.replace('"name"', '"n\\u0061me"')), 403),
    "no tool": (Message('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}'), 403),
    "a tool that is no text": (Message(X.replace('"x"', '["x"]')), 403),
    "another spelling of the tool": (Message(X.replace('"x"', '"X"')), 403),
    "a tool with a space": (Message(X.replace('"x"', '"x "')), 403),
    "a tool with a zero": (Message(X.replace('"x"', '"x\\u0000"')), 403),
    "another spelling of the method": (Message(call("x", "TOOLS/CALL")), 403),
    "a method that was not granted": (Message(call("x", "resources/read")), 403),
    "two names, the granted one last": (Message(X.replace('"name"', '"name": "y", "name"')), 400),
    "two names, the granted one first": (Message(Y.replace('"name"', '"name": "x", "name"')), 400),
    "two names, one escaped": (Message(X.replace('"name"', '"n\\u0061me": "y", "name"')), 400),
    "two methods": (Message(X.replace('"method"', '"method": "resources/read", "method"')), 400),
    "two params": (Message(X.replace('"params"', '"params": {"name": "y"}, "params"')), 400),
    "two messages": (Message(X + Y), 400),
    "two messages in two lines": (Message(f"{X}\n{Y}"), 400),
    "a batch": (Message(f"[{X}, {Y}]"), 400),
    "a batch of one": (Message(f"[{X}]"), 400),
    "text": (Message(Y, content_type="text/plain"), 400),
    "no type": (Message(Y, content_type=""), 400),
    "a form": (Message(Y, content_type="application/x-www-form-urlencoded"), 400),
    "not JSON": (Message("tools/call y"), 400),
    "half a message": (Message(Y[:-2]), 400),
    "nothing": (Message(b""), 400),
    "JSON that is no message": (Message('{"hello": "y"}'), 400),
    "PUT": (Message(Y, method="PUT"), 400),
    "PATCH": (Message(Y, method="PATCH"), 400),
    "more than is read": (Message(Y.replace("{}", json.dumps({"text": "a" * 70_000}))), 400),
    "more than is read, of a granted tool": (
        Message(X.replace("{}", json.dumps({"text": "a" * Tuning().mcp_body_bytes}))),
        400,
    ),
    "the name behind more than is read": (
        Message('{"pad": "' + "a" * 70_000 + '", ' + Y[1:]),
        400,
    ),
    "UTF-16": (Message(Y.encode("utf-16-le")), 400),
    "a mark before the message": (Message(b"\xef\xbb\xbf" + Y.encode()), 400),
    "GET that is no stream": (Message(method="GET", accept=JSON, content_type=""), 400),
    "HEAD": (Message(method="HEAD", content_type=""), 400),
}


async def test_no_spelling_of_what_was_not_granted_passes(shared: Parties, friend: ssl.SSLContext) -> None:
    answered = {what: await sent(shared, friend, message) for what, (message, _) in REFUSED.items()}

    assert answered == {what: status for what, (_, status) in REFUSED.items()}
    assert shared.service.seen == []


async def test_a_websocket_cannot_carry_what_nobody_reads(shared: Parties, friend: ssl.SSLContext) -> None:
    upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    status = await sent(
        shared, friend, Message(method="GET", content_type="", accept="text/event-stream", more=upgrade)
    )

    assert status in {400, 403, 404}
    assert shared.service.seen == []


async def test_other_resources_get_their_bodies_unread(shared: Parties, friend: ssl.SSLContext) -> None:
    for body in (X + Y, "not JSON", "a" * 200_000):
        message = Message(body, content_type="text/plain")
        wire = message.wire().replace(b"tools.server", b"orders.server")
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", shared.servers[0].ports["ingress"], ssl=friend
        )
        writer.write(wire)
        status = int((await reader.readline()).split()[1])
        writer.close()
        assert status == 200


async def test_calls_are_logged_with_their_tool_and_with_what_a_shadow_grant_would_have_said(
    shared: Parties, friend: ssl.SSLContext
) -> None:
    await sent(shared, friend, Message(Y))

    line = await shared.servers[0].line("access", tool="y")
    assert (line["mcp"], line["rbac"], line["result"]) == ("tools/call", "deny:capability", "denied")
    assert (line["shadow"], line["shadow_result"]) == ("tools-all", "allowed")


async def test_calls_pass_through_both_gateways(shared: Parties) -> None:
    headers = {"Host": "tools.server.example", "Content-Type": JSON, "Accept": BOTH}
    statuses = []
    for body in (X, Y, X + Y):
        async with shared.session.post(shared.url("/mcp"), headers=headers, data=body) as answer:
            statuses.append(answer.status)

    assert statuses == [200, 403, 400]
