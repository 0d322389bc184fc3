"""What is the same for many streams is made once, and what did not change is not looked at."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from control_plane.model.xds import CLUSTER, ENDPOINTS, ROUTES, SECRET
from control_plane.ports.publisher import Publication
from control_plane.xds import table
from control_plane.xds.board import Board
from control_plane.xds.frames import Response
from control_plane.xds.session import Session
from tests.unit.xds.contents import Content, published

MANY = 10_000


def name(number: int) -> str:
    return f"to/service-{number}.example"


def ask(session: Session, type_url: str, *names: str) -> None:
    request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names)
    session.on_request(request, now=0.0)


def take(session: Session) -> list[Response]:
    """Everything that is sent now, acknowledged."""
    taken = []
    while (response := session.poll()) is not None:
        taken.append(response)
        session.on_request(
            DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce), now=0.0
        )
    return taken


def world(count: int) -> Board:
    board = Board()
    names = [name(number) for number in range(count)]
    contents = [Content(type_url, each, 0) for type_url in (CLUSTER, ENDPOINTS) for each in names]
    board.publish(Publication(tuple(map(published, contents))))
    board.open()
    return board


def connected(board: Board, gateway: str, count: int) -> Session:
    """A session that has everything."""
    session = Session(board.view(gateway))
    ask(session, CLUSTER)
    ask(session, ENDPOINTS, *(name(number) for number in range(count)))
    take(session)
    return session


def change(board: Board, type_url: str, number: int, variant: int) -> None:
    board.publish(Publication((published(Content(type_url, name(number), variant)),)))


def test_streams_at_the_same_position_are_sent_the_very_same_bytes() -> None:
    board = world(50)
    sessions = [connected(board, f"gw-{number}", 50) for number in range(5)]

    change(board, ENDPOINTS, 7, 1)
    responses = [take(session) for session in sessions]

    assert [len(each) for each in responses] == [1] * 5
    assert len({id(each[0].data) for each in responses}) == 1


def test_first_answers_are_the_very_same_bytes_in_whatever_order_names_are_asked_for() -> None:
    board = world(20)
    names = [name(number) for number in range(20)]
    sessions = [Session(board.view(f"gw-{number}")) for number in range(2)]

    ask(sessions[0], ENDPOINTS, *names)
    ask(sessions[1], ENDPOINTS, *reversed(names))
    first, second = (take(session) for session in sessions)

    assert first[0].data is second[0].data


def test_one_resource_is_serialised_once_for_responses_of_every_kind() -> None:
    board = world(3)
    all_of_it = take_one(board, name(0), name(1), name(2))
    one_of_it = take_one(board, name(1))

    shared = [entry for entry in all_of_it.entries if entry.name == name(1)]

    assert shared[0].frame is one_of_it.entries[0].frame


def take_one(board: Board, *names: str) -> Response:
    session = Session(board.view("gw-1"))
    ask(session, ENDPOINTS, *names)
    return take(session)[0]


@dataclass
class Probe:
    """Counts how often anything of an entry is looked at."""

    looks: int = 0
    names: set[str] = field(default_factory=set)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """Every entry that is made meanwhile reports each look at its revision, which is how news is found."""
    counted = Probe()
    plain = table.Entry.__dict__["revision"]

    def revision(entry: table.Entry) -> int:
        counted.looks += 1
        counted.names.add(entry.name)
        value: int = plain.__get__(entry)
        return value

    monkeypatch.setattr(table.Entry, "revision", _Counting(revision, plain))
    yield counted
    monkeypatch.undo()


class _Counting:
    """A slot that is counted when it is read."""

    def __init__(self, read: object, plain: object) -> None:
        self._read, self._plain = read, plain

    def __get__(self, entry: object, _owner: object = None) -> object:
        return self if entry is None else self._read(entry)  # type: ignore[operator]  # the test counts what is looked at

    def __set__(self, entry: object, value: object) -> None:
        self._plain.__set__(entry, value)  # type: ignore[attr-defined]  # the test counts what is looked at


@pytest.mark.parametrize("type_url", [CLUSTER, ENDPOINTS])
def test_one_change_among_many_looks_at_a_handful_of_entries(probe: Probe, type_url: str) -> None:
    board = world(MANY)
    session = connected(board, "gw-1", MANY)
    probe.looks, probe.names = 0, set()

    change(board, type_url, 4_711, 1)
    responses = take(session)

    assert [entry.name for response in responses for entry in response.entries] in (
        [name(4_711)],
        [name(4_711), name(4_711)],  # a cluster, and its endpoints again
    )
    assert 0 < probe.looks < 20
    assert len(probe.names) <= 3


def test_a_change_of_what_nobody_asked_for_sends_nothing_and_looks_at_nothing_else(probe: Probe) -> None:
    board = world(MANY)
    session = connected(board, "gw-1", MANY)
    probe.looks, probe.names = 0, set()

    for type_url in (ROUTES, SECRET):
        board.publish(Publication((published(Content(type_url, "other", 1)),)))
        assert take(session) == []

    assert probe.looks < 20
