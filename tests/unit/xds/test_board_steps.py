"""The board changes in whole steps or not at all, and wakes only those whom a step concerns."""

from collections import Counter
from functools import partial

import pytest

from control_plane.model.xds import CLUSTER, LISTENER, ROUTES, XdsResource
from control_plane.ports.publisher import Name, Publication
from control_plane.xds.board import Board
from tests.unit.xds.contents import Content, published

A = published(Content(ROUTES, "a", 0))
NEXT_A = published(Content(ROUTES, "a", 1))
B = published(Content(ROUTES, "b", 0))


def shown(board: Board, type_url: str, gateway: str = "gw-1") -> dict[str, str]:
    return dict(board.shelf(type_url, gateway).versions())


def showing(*resources: XdsResource) -> tuple[Board, Counter[str]]:
    """An open board, and who is woken from now on."""
    board, woken = Board(), Counter[str]()
    board.publish(Publication(resources))
    board.open()
    for gateway in ("gw-1", "gw-2"):
        board.watch(gateway, partial(woken.update, [gateway]))
    return board, woken


def test_one_publication_is_one_step() -> None:
    board, woken = showing(A)
    before = board.revision

    board.publish(Publication((B, published(Content(CLUSTER, "c", 0))), (Name(ROUTES, "a"),)))

    assert board.revision == before + 1
    assert shown(board, ROUTES) == {"b": B.version}
    assert woken == {"gw-1": 1, "gw-2": 1}


def test_versions_that_are_shown_already_are_no_step() -> None:
    board, woken = showing(A)
    before, entry = board.revision, board.shelf(ROUTES, "gw-1").get("a")

    board.publish(Publication((A,), (Name(ROUTES, "never there"),)))

    assert board.revision == before
    assert board.shelf(ROUTES, "gw-1").get("a") is entry
    assert not woken


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (Publication((NEXT_A, XdsResource.of("type.googleapis.com/x.Y", "x", b""))), "got the type"),
        (Publication((NEXT_A, XdsResource.of(CLUSTER, "c", b"\xff\xff"))), "expected a serialised cluster"),
        (Publication((NEXT_A,), (Name(ROUTES, "a"),)), "got both in one publication"),
    ],
    ids=["unknown type", "no cluster", "up and down"],
)
def test_a_bad_publication_changes_nothing(bad: Publication, text: str) -> None:
    board, woken = showing(A)
    before = board.revision

    with pytest.raises(ValueError, match=text):
        board.publish(bad)

    assert board.revision == before
    assert shown(board, ROUTES) == {"a": A.version}
    assert not woken


def test_a_step_for_one_gateway_wakes_no_other() -> None:
    board, woken = showing()

    board.publish(Publication((published(Content(LISTENER, "in", 0, "gw-2")),)))

    assert woken == {"gw-2": 1}
    assert shown(board, LISTENER, "gw-1") == {}
    assert list(shown(board, LISTENER, "gw-2")) == ["in"]


def test_who_does_not_watch_any_more_is_not_woken() -> None:
    board, woken = showing()

    def wake() -> None:
        woken.update(["gone"])

    board.watch("gw-1", wake)
    board.unwatch("gw-1", wake)
    board.publish(Publication((A,)))

    assert woken == {"gw-1": 1, "gw-2": 1}
