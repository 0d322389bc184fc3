"""Which certificates a gateway accepts for itself, and how it keeps them."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from control_plane.gateway.config import AgentConfig, AgentError
from control_plane.gateway.identity import Identity, Request, install, load, make_request
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.trust.authority import Authority
from tests.unit.gateway.agent_config import config

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN = TrustDomain("luebeck.example")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "ca", OWN, now=NOW)


@pytest.fixture
def agent(tmp_path: Path) -> AgentConfig:
    made = config(directory=tmp_path / "gw")
    made.files.secrets.mkdir(parents=True)
    return made


def answer(
    authority: Authority, request: Request, name: str = "gateway-1", **changes: object
) -> dict[str, Any]:
    spiffe_id = SpiffeId(f"spiffe://{OWN}/gateway/{name}")
    chain = authority.issue(request.csr, spiffe_id, lifetime=timedelta(hours=24), now=NOW)
    return {"certificate": chain, "anchors": list(authority.anchors())} | changes


def test_key_and_certificate_reach_envoy_in_one_private_file(
    agent: AgentConfig, authority: Authority
) -> None:
    request = make_request(agent.spiffe_id)

    installed = install(agent, request, answer(authority, request), now=NOW.timestamp())

    secret = json.loads(agent.files.own.read_text())["resources"][0]
    assert secret["name"] == "own"
    assert secret["tls_certificate"]["private_key"]["inline_string"] == request.key
    assert secret["tls_certificate"]["certificate_chain"]["inline_string"] == installed.chain
    assert stat.S_IMODE(agent.files.own.stat().st_mode) == 0o600
    assert [path.name for path in agent.files.secrets.iterdir() if path.name.startswith(".")] == []


def test_the_control_plane_is_trusted_by_its_exact_identity(agent: AgentConfig, authority: Authority) -> None:
    request = make_request(agent.spiffe_id)

    install(agent, request, answer(authority, request), now=NOW.timestamp())

    context = json.loads(agent.files.anchors.read_text())["resources"][0]["validation_context"]
    assert context["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"exact": "spiffe://luebeck.example/control-plane"}}
    ]
    assert context["trusted_ca"]["inline_string"] == "".join(authority.anchors())


def test_what_was_installed_is_found_again(agent: AgentConfig, authority: Authority) -> None:
    request = make_request(agent.spiffe_id)
    installed = install(agent, request, answer(authority, request), now=NOW.timestamp())

    found = load(agent.files)

    assert found is not None
    assert (found.key, found.chain, found.anchors) == (installed.key, installed.chain, installed.anchors)
    assert found.expires == installed.expires


def test_before_the_first_enrolment_there_is_nothing(agent: AgentConfig) -> None:
    assert load(agent.files) is None


def test_a_damaged_identity_is_an_error_with_the_next_step(agent: AgentConfig) -> None:
    agent.files.own.write_text('{"resources": []}')

    with pytest.raises(AgentError, match="remove the directory"):
        load(agent.files)


def test_a_bad_answer_leaves_the_present_certificate(agent: AgentConfig, authority: Authority) -> None:
    first = make_request(agent.spiffe_id)
    install(agent, first, answer(authority, first), now=NOW.timestamp())
    before = agent.files.own.read_text()
    request = make_request(agent.spiffe_id)
    bad = [
        answer(authority, request, "gateway-2"),  # another's name
        answer(authority, first),  # another's key
        answer(authority, request, certificate="nonsense"),
        answer(authority, request, certificate=7),
        answer(authority, request, anchors=[]),
        answer(authority, request, anchors=["nonsense"]),
        {},
    ]

    for one in bad:
        with pytest.raises(AgentError, match="expected"):
            install(agent, request, one, now=NOW.timestamp())

    assert agent.files.own.read_text() == before


def test_a_certificate_that_is_already_over_is_refused(agent: AgentConfig, authority: Authority) -> None:
    request = make_request(agent.spiffe_id)
    later = (NOW + timedelta(days=2)).timestamp()

    with pytest.raises(AgentError, match="compare the clocks"):
        install(agent, request, answer(authority, request), now=later)


def test_the_request_proves_possession_of_a_p256_key(agent: AgentConfig) -> None:
    request = make_request(agent.spiffe_id)

    csr = x509.load_pem_x509_csr(request.csr.encode())
    assert csr.is_signature_valid
    assert csr.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]  # other keys have no curve
    assert "PRIVATE" not in repr(request)


def test_renewal_is_at_about_half_of_the_life_and_an_alarm_at_three_quarters() -> None:
    identity = Identity("", "", "", installed=1000.0, expires=2000.0)

    assert identity.renewal(0.0) == pytest.approx(1450)
    assert identity.renewal(1.0) == pytest.approx(1550)
    assert not identity.is_overdue(1749)
    assert identity.is_overdue(1751)


def test_a_certificate_of_a_moment_does_not_make_the_agent_ask_without_pause() -> None:
    assert Identity("", "", "", installed=1000.0, expires=1000.1).renewal(0.0) == 1001.0
