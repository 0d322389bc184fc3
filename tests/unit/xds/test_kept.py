"""What is kept for a gateway: a log that replays to what it was told, wherever a crash cut it."""

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.xds import CLUSTER, SECRET, XdsResource
from control_plane.xds.kept import MAGIC, TYPES, Kept, frame

_names = st.sampled_from(["a", "b", "c"])
_steps = st.lists(
    st.tuples(st.sampled_from(TYPES), st.dictionaries(_names, st.binary(max_size=4)), st.sets(_names)),
    max_size=12,
)


def message(type_url: str, upserts: dict[str, bytes], removed: set[str]) -> DeltaDiscoveryResponse:
    made = DeltaDiscoveryResponse(type_url=type_url, removed_resources=sorted(removed - upserts.keys()))
    for name, body in upserts.items():
        added = made.resources.add(name=name, version=body.hex())
        added.resource.type_url, added.resource.value = type_url, body
    return made


def shown(kept: Kept) -> set[XdsResource]:
    return {*kept.resources(), *kept.before()}


@given(_steps, st.integers(0, 200))
def test_a_log_replays_to_what_was_told_before_it_was_cut(
    steps: list[tuple[str, dict[str, bytes], set[str]]], cut: int
) -> None:
    messages = [message(*step) for step in steps]
    frames = [frame(each.SerializeToString()) for each in messages]
    whole = MAGIC + b"".join(frames)
    left = max(len(MAGIC), len(whole) - cut)
    arrived, size = 0, len(MAGIC)
    while arrived < len(frames) and size + len(frames[arrived]) <= left:
        size += len(frames[arrived])
        arrived += 1
    told = Kept()
    for each in messages[:arrived]:
        told.take(each)

    replayed = Kept.replay(whole[:left])

    assert shown(replayed) == shown(told)
    assert shown(Kept.replay(replayed.log())) == shown(told)


def test_what_was_told_before_is_no_difference() -> None:
    kept = Kept()

    first = kept.take(message(SECRET, {"s": b"1"}, set()))
    again = kept.take(message(SECRET, {"s": b"1"}, {"never there"}))
    gone = kept.take(message(SECRET, {}, {"s"}))

    assert (first, again, gone) == (True, False, True)
    assert kept.resources() == ()


def test_the_version_before_is_kept_of_what_may_be_sent_again_as_it_was() -> None:
    kept = Kept()
    for type_url in (CLUSTER, SECRET):
        for body in (b"1", b"2", b"2", b"3"):
            kept.take(message(type_url, {"x": body, "y": b"same"}, set()))

    before = Kept.replay(kept.log()).before()
    kept.take(message(CLUSTER, {}, {"x"}))

    assert [(each.type_url, each.name, each.body) for each in before] == [(CLUSTER, "x", b"2")]
    assert kept.before() == ()


def test_versions_are_said_again() -> None:
    kept = Kept()
    kept.take(message(CLUSTER, {"c": b"\x01"}, set()))

    assert kept.versions(CLUSTER) == {"c": "01"}
    assert kept.versions(SECRET) == {}


@pytest.mark.parametrize(
    "log", [b"something else", MAGIC + frame(b"\xff\xff"), MAGIC + frame(b""), b"proxenia kept 2\n"]
)
def test_what_is_no_log_is_refused(log: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        Kept.replay(log)


def test_nothing_is_an_empty_log() -> None:
    assert Kept.replay(b"").resources() == ()
