"""One layer shows everything: tables, wide tables, JSON, YAML and names, with the same exit codes."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest
import yaml

from control_plane.cli.output import FORMATS, Column, Table, name_of
from tests.unit.admin.world import PARTNER
from tests.unit.cli.conftest import Terminal

KEY = f"lb-1@{PARTNER}"
VIEW = Table((Column("NAME", "id"), Column("SIZE", lambda item: item["size"] * 2, wide=True)))


def test_a_wide_table_has_more_columns_and_names_are_what_commands_take() -> None:
    items = [{"id": "a", "size": 2}, {"id": "b\x1b[2J", "size": 0}, {"id": "a", "size": 1}]

    assert VIEW.text(items[:2]) == "NAME\na\nb\\x1b[2J"
    assert VIEW.text(items[:1], wide=True) == "NAME  SIZE\na     4"
    assert VIEW.names(items) == ["a", "b\x1b[2J"]


def test_a_document_is_called_by_the_first_field_that_names_it() -> None:
    assert name_of({"node_id": "n", "organisation": "o", "id": "u"}) == "n@o"
    assert name_of({"organisation": "o", "version": "1"}) == "o"
    assert name_of({"items": []}) == "-"


def test_all_formats_say_the_same(terminal: Terminal) -> None:
    terminal.good("node", "add", KEY, "--endpoint", "192.0.2.1:8443")

    said = {form: terminal.good("node", "list", "-o", form) for form in FORMATS}

    document = json.loads(said["json"])
    assert document["api_version"] == "v1"
    assert yaml.safe_load(said["yaml"]) == document
    assert said["name"] == f"{KEY}\n"
    assert "SPIFFE ID" in said["wide"]
    assert "SPIFFE ID" not in said["table"]


@pytest.mark.parametrize("form", FORMATS)
def test_exit_codes_do_not_depend_on_the_format(terminal: Terminal, form: str) -> None:
    problem = terminal.run("status", "-o", form)
    away = terminal.run("status", "-o", form, PROXENIA_ADMIN=f"{terminal.socket}.gone")

    assert problem.exit_code == 1
    assert away.exit_code == 3
    assert away.stdout == ""


def test_an_unknown_format_is_bad_usage(terminal: Terminal) -> None:
    assert terminal.run("status", "-o", "xml").exit_code == 2


def in_a_terminal(terminal: Terminal, *words: str, **environment: str) -> bytes:
    """What a command writes when standard output is a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PROXENIA_ADMIN": terminal.socket, **environment}
    try:
        argv = [sys.executable, "-m", "control_plane", *words]
        subprocess.run(argv, stdout=theirs, stderr=subprocess.DEVNULL, env=env, check=False, timeout=30)
        return os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)


def test_colour_is_for_terminals_and_not_against_the_users_will(terminal: Terminal) -> None:
    coloured = in_a_terminal(terminal, "status", NO_COLOR="")
    plain = in_a_terminal(terminal, "status", NO_COLOR="1")

    assert b"\x1b[" in coloured
    assert b"\x1b[" not in plain
    assert b"problem" in plain
    assert "\x1b[" not in terminal.run("status").stdout


def test_ctrl_c_ends_with_130(terminal: Terminal) -> None:
    argv = [sys.executable, "-m", "control_plane", "discover", "--watch", "--timeout", "0"]
    env = {**os.environ, "PROXENIA_ADMIN": terminal.socket}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"NODE")

            process.send_signal(signal.SIGINT)

            assert process.wait(20) == 130
        finally:
            process.kill()
