"""Every command: its table, its JSON and its exit codes, on a system that works and on one that does not.

The commands come from the parser: a new one without a case here fails.
"""

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
import structlog
import yaml
from click.testing import Result

from control_plane.cli.main import main
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.delivery import Difference, Progress
from control_plane.model.peering import BundleProfile, BundleSource, BundleState
from control_plane.model.xds import CLUSTER
from control_plane.ports.objects import Write
from tests.fakes.values import audit_event
from tests.unit.admin.severed import Wire
from tests.unit.admin.test_checks import WELL, ending
from tests.unit.admin.world import OWN, PARTNER, certificate, node, own_resource
from tests.unit.cli.commands import CASES, ELSEWHERE, TYPED, Case
from tests.unit.cli.conftest import Terminal, open_terminal
from tests.unit.cli.test_watching import REFUSAL, connect

ROOT = Path(__file__).parents[3]
WORKING, CUT = "working", "cut"
_numbers = itertools.count(1)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))


COMMANDS = dict(leaves(main))
WITHOUT_SERVER = [name for name, case in CASES.items() if not case.server]
ASKING = [name for name, case in CASES.items() if case.server]


class Desk:
    """One organisation that works, for all tests of this module."""

    def __init__(self, terminal: Terminal, wire: Wire, directory: Path) -> None:
        self.terminal, self.wire, self.directory = terminal, wire, directory

    def type(self, case: Case, *last: str, **environment: str) -> Result:
        """Type what comes before, which must succeed, and then the command itself."""
        *before, words = case.typed(next(_numbers), str(self.directory))
        for each in before:
            self.terminal.good(*each)
        with self.cut(CUT in environment.pop("STATE", WORKING)), self.happening(case.happens):
            return self.terminal.run(*words, *last, **environment)

    @contextmanager
    def cut(self, away: bool) -> Iterator[None]:  # noqa: FBT001 - a switch
        """The database is away meanwhile."""
        self.wire.cut = away
        try:
            yield
        finally:
            self.wire.cut = False

    @contextmanager
    def happening(self, anything: bool) -> Iterator[None]:  # noqa: FBT001 - a switch
        """Operators do something meanwhile, again and again."""
        done = threading.Event()

        def act() -> None:
            while not done.wait(0.05):
                event = audit_event(next(_numbers) + 1000, event_type=EventType.OPERATOR_ACTION)
                asyncio.run(self.terminal.world.audit.append([event]))

        thread = threading.Thread(target=act)
        if anything:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if anything:
                thread.join(10)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    wire, directory = Wire(), tmp_path_factory.mktemp("desk")
    (directory / "anchor.pem").write_text(certificate()[0])
    (directory / "nodes.jsonl").write_text(json.dumps(node("imported")) + "\n")
    (directory / "resources.jsonl").write_text(json.dumps(own_resource("imported")) + "\n")
    (directory / "declared.yaml").write_text(f"nodes:\n- {json.dumps(node('declared'))}\n")
    with open_terminal(partners=True, through=wire.through) as terminal:
        terminal.world.attempts.most = 1_000_000  # that is another test's
        terminal.world.anchors = (certificate(OWN)[0],)
        connect(terminal.world)
        asyncio.run(_partner(terminal))
        # The API runs in this process: what it logs is not what a command says.
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
        try:
            yield Desk(terminal, wire, directory)
        finally:
            structlog.reset_defaults()


async def _partner(terminal: Terminal) -> None:
    world = terminal.world
    agreement = Agreement(PARTNER, AgreementState.TRUSTED)
    writes = [
        Write(Kind.AGREEMENT, agreement.key, agreement),
        Write(Kind.BUNDLE, PARTNER, Bundle(PARTNER, (certificate()[0],))),
    ]
    await world.objects.write(writes, actor="test")
    source = BundleSource(PARTNER, BundleProfile.HTTPS_WEB, ("https://x.example/b",))
    world.views.known, world.keeping.known = [WELL], [BundleState(source=source)]
    world.streams.of["gw-1"] = (Difference(CLUSTER, "to/a", "v1", Progress.ACKNOWLEDGED),)


def parsed(result: Result) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_every_command_that_the_parser_knows_has_a_case() -> None:
    assert set(COMMANDS) == set(CASES) | set(ELSEWHERE)
    assert not set(CASES) & set(ELSEWHERE)
    for name, path in ELSEWHERE.items():
        assert name.split()[-1] in (ROOT / path).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_is_for(name: str) -> None:
    assert (COMMANDS[name].help or "").strip().partition("\n")[0].endswith((".", ":")), name


@pytest.mark.parametrize("name", CASES)
def test_its_table_its_json_and_its_exit_code(desk: Desk, name: str) -> None:
    case = CASES[name]
    says = case.says.replace("{n}", "")

    table = desk.type(case)

    assert table.exit_code == case.code, table.output
    assert says.partition("g added")[0] in table.stdout
    if name == "completion":
        return
    as_json, as_yaml = desk.type(case, "-o", "json"), desk.type(case, "-o", "yaml")
    names, broad = desk.type(case, "-o", "name"), desk.type(case, "-o", "wide")
    assert {each.exit_code for each in (as_json, as_yaml, names, broad)} == {case.code}
    assert parsed(as_json)["api_version"] == "v1"
    assert case.has in {"", *parsed(as_json)}
    assert set(yaml.safe_load(as_yaml.stdout)) == set(parsed(as_json))
    assert says.partition("g added")[0] in broad.stdout


@pytest.mark.parametrize("name", ASKING)
@pytest.mark.parametrize("form", ["table", "json"])
def test_without_a_control_plane_it_ends_with_3(desk: Desk, name: str, form: str) -> None:
    gone = f"{desk.terminal.socket}.gone"
    words = CASES[name].typed(0, str(desk.directory))[-1]

    result = desk.terminal.run(*words, "-o", form, PROXENIA_ADMIN=gone)

    assert result.exit_code == 3, result.output
    assert "no control plane answers" in result.output
    assert name == "check" or result.stdout == ""


@pytest.mark.parametrize("name", ASKING)
def test_without_a_good_token_it_ends_with_4(desk: Desk, name: str) -> None:
    words = CASES[name].typed(0, str(desk.directory))[-1]

    result = desk.terminal.run(*words, PROXENIA_ADMIN=desk.terminal.address, PROXENIA_TOKEN="wrong")  # noqa: S106 - not one

    assert result.exit_code == 4, result.output
    assert result.stdout == ""


@pytest.mark.parametrize("name", WITHOUT_SERVER)
def test_what_needs_no_control_plane_works_without(desk: Desk, name: str) -> None:
    result = desk.type(CASES[name], PROXENIA_ADMIN=f"{desk.terminal.socket}.gone")

    assert result.exit_code == CASES[name].code, result.output


@pytest.mark.parametrize("name", [name for name in ASKING if CASES[name].database])
def test_with_the_database_away_it_ends_with_1_and_says_so(desk: Desk, name: str) -> None:
    table, as_json = desk.type(CASES[name], STATE=CUT), desk.type(CASES[name], "-o", "json", STATE=CUT)

    assert (table.exit_code, as_json.exit_code) == (1, 1), table.output
    assert "database" in table.output
    if as_json.stdout:
        assert parsed(as_json)["verdict"] == "problem"


@pytest.mark.parametrize("name", [name for name in ASKING if not CASES[name].database])
def test_what_is_known_without_the_database_is_told_while_it_is_away(desk: Desk, name: str) -> None:
    result = desk.type(CASES[name], STATE=CUT)

    assert result.exit_code == CASES[name].code, result.output


@pytest.mark.parametrize("name", TYPED)
def test_what_is_tested_elsewhere_ends_as_all_others_on_a_system_that_does_not_work(
    desk: Desk, name: str
) -> None:
    case = Case(TYPED[name])
    words = case.typed(0, str(desk.directory))[-1]

    gone = desk.terminal.run(*words, PROXENIA_ADMIN=f"{desk.terminal.socket}.gone")
    stranger = desk.terminal.run(*words, PROXENIA_ADMIN=desk.terminal.address, PROXENIA_TOKEN="wrong")  # noqa: S106 - not one
    away = desk.type(case, STATE=CUT)

    assert [result.exit_code for result in (gone, stranger, away)] == [3, 4, 1], away.output
    assert "no control plane answers" in gone.stderr
    assert "database" in away.output


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_does_not_exist_ends_with_2(desk: Desk, name: str) -> None:
    assert desk.terminal.run(*name.split(), "--no-such-option").exit_code == 2


@contextmanager
def refused(desk: Desk) -> Iterator[None]:
    """An Envoy refused a cluster meanwhile."""
    streams, good = desk.terminal.world.streams, desk.terminal.world.streams.of["gw-1"]
    streams.of["gw-1"] = (*good, Difference(CLUSTER, "to/b", "v2", Progress.REFUSED, "no such filter"))
    connect(desk.terminal.world, refused=(REFUSAL,))
    try:
        yield
    finally:
        streams.of["gw-1"] = good
        connect(desk.terminal.world)


@contextmanager
def expired(desk: Desk) -> Iterator[None]:
    """The certificate of a gateway has ended meanwhile."""
    desk.terminal.world.expiries.items = (ending(-5, "expired"),)
    try:
        yield
    finally:
        desk.terminal.world.expiries.items = ()


BROKEN: dict[str, tuple[Callable[[Desk], AbstractContextManager[None]], str, set[str]]] = {
    "nack": (refused, "no such ", {"status", "check", "diff"}),
    "expired certificate": (expired, "expired", {"status", "check", "cert list"}),
}


@pytest.mark.parametrize("state", BROKEN)
@pytest.mark.parametrize("name", ASKING)
def test_what_gateways_cannot_do_changes_the_exit_code_of_those_who_tell_of_it(
    desk: Desk, name: str, state: str
) -> None:
    breaking, says, telling = BROKEN[state]
    forms = ("table", "json", "yaml") if name in telling else ("json",)
    with breaking(desk):
        results = [desk.type(CASES[name], "-o", form) for form in forms]

    code = 1 if name in telling else CASES[name].code
    assert [result.exit_code for result in results] == [code] * len(forms), results[0].output
    assert name not in telling or all(says in result.stdout for result in results)


@pytest.mark.parametrize("words", ["status", "check", "check --short"])
def test_a_refused_configuration_is_a_problem_in_every_form(desk: Desk, words: str) -> None:
    connect(desk.terminal.world, refused=(REFUSAL,))
    try:
        table, as_json = desk.terminal.run(*words.split()), desk.terminal.run(*words.split(), "-o", "json")
    finally:
        connect(desk.terminal.world)

    assert (table.exit_code, as_json.exit_code) == (1, 1)
    assert "no such \\x1b[31mcluster" in table.stdout
    assert "no such \\u001b[31mcluster" in as_json.stdout


def test_what_a_gateway_refused_is_a_problem_of_its_difference(desk: Desk) -> None:
    good = desk.terminal.world.streams.of["gw-1"]
    bad = Difference(CLUSTER, "to/b", "v2", Progress.REFUSED, "no such filter")
    desk.terminal.world.streams.of["gw-1"] = (*good, bad)
    try:
        results = [desk.terminal.run("diff", "gw-1", "-o", form) for form in ("table", "json", "name")]
    finally:
        desk.terminal.world.streams.of["gw-1"] = good

    assert [result.exit_code for result in results] == [1, 1, 1]
    assert all("to/b" in result.stdout for result in results)


@pytest.mark.parametrize("words", ["cert list", "check"])
def test_an_expired_certificate_is_a_problem_in_every_form(desk: Desk, words: str) -> None:
    desk.terminal.world.expiries.items = (ending(-5, "expired"),)
    try:
        results = [desk.terminal.run(*words.split(), "-o", form) for form in ("table", "json", "yaml")]
    finally:
        desk.terminal.world.expiries.items = ()

    assert [result.exit_code for result in results] == [1, 1, 1]
    assert all("its requests fail" in result.stdout for result in results)
    assert all("expired" in result.stdout for result in results)
