"""The authority's roots on disk while they change: both at once, then one, whoever looks."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.model.rotation import Phase
from control_plane.pki.certificate import load_chain
from control_plane.pki.verify import verify_chain
from control_plane.trust.authority import LEAF_LIFETIME, Authority
from control_plane.trust.rotation import AnchorState, Facts, abort, announce, decide
from tests.unit.trust.test_authority import make_csr

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LUEBECK = TrustDomain("luebeck.example")
GATEWAY = SpiffeId("spiffe://luebeck.example/gateway/1")
NOBODY_ELSE = Facts(now=NOW)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ca"


def announced(authority: Authority) -> AnchorState:
    sequence = authority.bundle().sequence + 1
    return authority.change(
        lambda state: announce(state, "root-2", sequence=sequence, actor="ada", now=NOW), now=NOW
    )


def step(authority: Authority) -> AnchorState:
    return authority.change(lambda state: decide(state, NOBODY_ELSE, sequence=state.sequence + 1), now=NOW)


def to_phase(authority: Authority, phase: Phase) -> None:
    for _ in range(10):
        rotation = authority.state().rotation
        if rotation is not None and rotation.phase is phase:
            return
        step(authority)
    raise AssertionError(phase)


def issued(authority: Authority) -> str:
    return authority.issue(make_csr(), GATEWAY, lifetime=LEAF_LIFETIME, now=NOW)


def test_two_roots_are_published_while_the_old_one_signs(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    before = authority.bundle()

    announced(authority)

    both = authority.bundle()
    assert len(both.anchors) == 2
    assert both.anchors[0] == before.anchors[0]
    assert both.sequence > before.sequence
    assert verify_chain(load_chain(issued(authority)), before, now=NOW) == GATEWAY


def test_after_the_switch_leaves_verify_against_the_new_root_alone(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    old, first = authority.bundle(), authority.server_credentials(now=NOW)
    announced(authority)
    to_phase(authority, Phase.SWITCHED)

    chain = load_chain(issued(authority))

    assert verify_chain(chain, authority.bundle(), now=NOW) == GATEWAY
    with pytest.raises(InvalidValueError):
        verify_chain(chain, old, now=NOW)
    server = authority.server_credentials(now=NOW)
    assert server.chain != first.chain
    assert server.roots.count(b"BEGIN") == 2


def test_at_the_end_nothing_of_the_old_root_is_left(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    old = authority.anchors()
    announced(authority)
    to_phase(authority, Phase.PROVEN)

    state = step(authority)

    assert state.rotation is None
    assert len(authority.anchors()) == 1
    assert authority.anchors() != old
    assert {path.name for path in ca.iterdir()} == {"anchors.json", "root-2", "root-2.lock"}
    again = Authority.open(ca, LUEBECK, now=NOW)
    assert again.bundle() == authority.bundle()
    assert verify_chain(load_chain(issued(again)), again.bundle(), now=NOW) == GATEWAY


def test_a_second_change_follows_the_first(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    announced(authority)
    to_phase(authority, Phase.PROVEN)
    step(authority)

    sequence = authority.bundle().sequence + 1
    authority.change(
        lambda state: announce(state, "root-3", sequence=sequence, actor="ada", now=NOW), now=NOW
    )
    to_phase(authority, Phase.PROVEN)
    step(authority)

    assert {path.name for path in ca.iterdir() if path.is_dir()} == {"root-3"}
    assert authority.bundle().sequence > sequence


def test_an_abort_leaves_the_old_root_and_destroys_the_new_key(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    before = authority.bundle()
    announced(authority)

    authority.change(lambda state: abort(state, sequence=state.sequence + 1, now=NOW), now=NOW)

    assert authority.bundle().anchors == before.anchors
    assert authority.bundle().sequence == before.sequence + 2
    assert not (ca / "root-2").exists()


def test_another_process_sees_each_step(ca: Path) -> None:
    one, two = Authority.open(ca, LUEBECK, now=NOW), Authority.open(ca, LUEBECK, now=NOW)
    signer = two.signer(GATEWAY)

    announced(one)

    assert two.bundle() == one.bundle()
    assert two.signer(GATEWAY) == one.signer(GATEWAY) != signer
    to_phase(one, Phase.SWITCHED)
    assert load_chain(issued(two))[1] == load_chain(issued(one))[1]


def test_what_a_killed_process_made_for_nothing_goes_away(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    left = ca / ".root-9.new"
    left.mkdir(mode=0o700)
    (left / "root.key").write_text("half")

    announced(authority)

    assert not left.exists()


def test_a_state_that_cannot_be_read_is_refused(ca: Path) -> None:
    announced(Authority.open(ca, LUEBECK, now=NOW))
    (ca / "anchors.json").write_text("{}")

    with pytest.raises(InvalidValueError) as caught:
        Authority.open(ca, LUEBECK, now=NOW)

    assert caught.value.code == "broken_authority"


def test_everything_of_ours_that_ends_is_told(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    authority.server_credentials(now=NOW)
    announced(authority)

    kinds = [one.kind for one in authority.dates()]

    assert kinds == ["root", "root", "intermediate", "control_plane"]
