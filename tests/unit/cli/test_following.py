"""What is followed: events across a restart, deliveries as they change, the status until Ctrl-C."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from click.testing import CliRunner

from control_plane.cli.event_lines import read_events
from control_plane.cli.main import main
from tests.unit.cli.conftest import Terminal
from tests.unit.cli.test_watching import REFUSAL, connect

STREAM = b"""retry: 2000

id: 1-0
event: change
data: {"revision":1,"objects":["node a"]}

: still here

id: 2-0

id: 3-0
event: audit
data: {"event_id":"e",
data: "reason":"a\\u001bb"}

"""


def test_events_are_read_as_the_standard_says() -> None:
    assert list(read_events(STREAM.splitlines(keepends=True))) == [
        {"id": "1-0", "event": "change", "data": '{"revision":1,"objects":["node a"]}'},
        {"id": "2-0", "event": "message", "data": ""},
        {"id": "3-0", "event": "audit", "data": '{"event_id":"e",\n"reason":"a\\u001bb"}'},
    ]


@contextmanager
def serving(*answers: bytes) -> Iterator[tuple[str, list[str]]]:
    """A socket that answers one connection after the other, and what was asked."""
    asked: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pxe") as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{name}/s")
        listener.listen(4)
        listener.settimeout(20)

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(1 << 16).split(b"\r\n")[0].decode())
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"{name}/s", asked
        finally:
            thread.join(20)


def test_events_go_on_where_they_broke_off() -> None:
    first, rest = STREAM.split(b"id: 2-0")
    with serving(first, b"id: 2-0" + rest) as (path, asked):
        words = ["--admin", path, "tail", "events", "--kind", "change,audit", "--count", "2"]
        result = CliRunner().invoke(main, words)

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].endswith("change    revision=1  objects=node a")
    assert lines[1].endswith("audit     event_id=e  reason=a\\x1bb")
    assert "after=1-0" in asked[1]
    assert "asking again" in result.stderr


def test_events_are_lines_of_json_for_programs() -> None:
    with serving(STREAM) as (path, _):
        result = CliRunner().invoke(main, ["--admin", path, "tail", "events", "--count", "1", "-o", "json"])

    assert json.loads(result.stdout) == {
        "api_version": "v1",
        "id": "1-0",
        "event": "change",
        "data": {"revision": 1, "objects": ["node a"]},
    }


def test_deliveries_are_told_type_by_type(terminal: Terminal) -> None:
    connect(terminal.world, refused=(REFUSAL,))

    result = terminal.run("tail", "xds", "--count", "2")

    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert "gw-1  clusters    acknowledged 3/5, revision 7, 1 in flight, REFUSED to/orders" in first
    assert "\\x1b[31mcluster" in first
    assert "gw-1  endpoints   acknowledged 4/4" in second


def test_what_a_gateway_does_next_is_told(terminal: Terminal) -> None:
    connect(terminal.world)
    done = threading.Event()

    def refuse_and_accept() -> None:
        for refused in itertools.cycle(((REFUSAL,), ())):
            if done.wait(0.7):
                return
            connect(terminal.world, refused=refused)

    thread = threading.Thread(target=refuse_and_accept)
    thread.start()
    try:
        result = terminal.run("tail", "xds", "--gateway", "gw-1", "--count", "4", "-o", "json")
    finally:
        done.set()
        thread.join(10)

    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert {len(one["refused"]) for one in told if one["type"] == "clusters"} == {0, 1}
    assert [one["type"] for one in told].count("endpoints") == 1


def test_the_status_is_shown_again_when_it_changes_until_ctrl_c(terminal: Terminal) -> None:
    argv = [sys.executable, "-m", "control_plane", "status", "--watch", "-o", "json"]
    env = {**os.environ, "PROXENIA_ADMIN": terminal.socket}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            before = json.loads(process.stdout.readline())
            connect(terminal.world)
            after = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            code = process.wait(20)
        finally:
            process.kill()

    assert (before["verdict"], after["verdict"], code) == ("problem", "ok", 130)


def test_completion_is_made_from_the_commands(terminal: Terminal) -> None:
    scripts = {shell: terminal.good("completion", shell) for shell in ("bash", "zsh", "fish")}
    env = {
        **os.environ,
        "_PROXENIA_COMPLETE": "bash_complete",
        "COMP_WORDS": "proxenia tail ",
        "COMP_CWORD": "2",
    }
    program = "from control_plane.cli.main import main; main(prog_name='proxenia')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False, timeout=30
    )

    assert all("_PROXENIA_COMPLETE" in script for script in scripts.values())
    assert done.stdout.split() == ["plain,audit", "plain,events", "plain,xds"]
