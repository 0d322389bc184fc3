"""Who knocks at the ingress with the wrong certificate, or without one."""

import ssl
from pathlib import Path

import aiohttp
import pytest

from control_plane.translate.access_log import HANDSHAKE_KEYS
from tests.integration.translate.certificates import Authority, Leaf
from tests.integration.translate.parties import Parties

pytestmark = pytest.mark.integration

FRIEND = "spiffe://caller.example/gateway/gw"


def context(directory: Path, leaf: Leaf | None, *, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that believes every server; what is tested is the server's judgement."""
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    result.check_hostname = False
    result.verify_mode = ssl.CERT_NONE
    if version is not None:
        result.maximum_version = version
    if leaf is not None:
        path = directory / "leaf.pem"
        path.write_text(leaf.certificate + leaf.key)
        result.load_cert_chain(path)
    return result


async def knock(
    both: Parties, tls: ssl.SSLContext, *, host: str = "orders.server.example", **headers: str
) -> int | None:
    """The status of a request straight to the ingress; None when there was no connection for it."""
    url = f"https://127.0.0.1:{both.servers[0].ports['ingress']}/knock"
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, ssl=tls, headers={"Host": host, **headers}) as got,
        ):
            return got.status
    except aiohttp.ClientError:
        return None


async def test_the_partner_s_gateway_gets_in(shared: Parties, tmp_path: Path) -> None:
    status = await knock(shared, context(tmp_path, shared.caller_authority.leaf(FRIEND)))

    assert status == 200


async def test_a_partner_s_header_names_no_resource(shared: Parties, tmp_path: Path) -> None:
    friend = context(tmp_path, shared.caller_authority.leaf(FRIEND))

    granted, secret = (
        {"x-proxenia-resource": f"{name}@server.example", "x-proxenia-cluster": f"local/{name}"}
        for name in ("orders", "secret")
    )
    kept_out = await knock(shared, friend, host="secret.server.example", **granted)
    let_in = await knock(shared, friend, **secret)

    (seen,) = shared.service.seen
    assert (kept_out, let_in) == (403, 200)
    assert (seen["host"], *granted.keys() & seen.keys()) == ("orders.server.example",)


async def test_without_a_certificate_there_is_no_connection_and_the_listener_logs_why(
    shared: Parties, tmp_path: Path
) -> None:
    status = await knock(shared, context(tmp_path, None))

    line = await shared.servers[0].line("listener", dir="ingress")
    assert status is None
    assert line.keys() == HANDSHAKE_KEYS
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in str(line["failure"])


async def test_an_authority_speaks_for_its_own_organisation_only(shared: Parties, tmp_path: Path) -> None:
    stranger = Authority("stranger.example")
    offered = [
        stranger.leaf("spiffe://stranger.example/gateway/gw"),
        stranger.leaf(FRIEND),
        shared.server_authority.leaf(FRIEND),
        shared.server_authority.leaf("spiffe://server.example/gateway/gw-9"),
        shared.caller_authority.leaf("spiffe://server.example/gateway/gw-0"),
    ]

    statuses = [await knock(shared, context(tmp_path, leaf)) for leaf in offered]

    line = await shared.servers[0].line("listener", peer="spiffe://stranger.example/gateway/gw")
    assert statuses == [None] * len(offered)
    assert line["failure"]
    assert shared.service.seen == []


async def test_a_partner_s_certificate_that_no_grant_knows_is_denied(shared: Parties, tmp_path: Path) -> None:
    unregistered = shared.caller_authority.leaf("spiffe://caller.example/gateway/new")
    two_names = shared.caller_authority.leaf(FRIEND, "spiffe://server.example/gateway/gw-0")

    statuses = [await knock(shared, context(tmp_path, leaf)) for leaf in (unregistered, two_names)]

    assert statuses == [403, 403]
    assert shared.service.seen == []


async def test_an_unknown_host_is_denied_and_not_told_apart(shared: Parties, tmp_path: Path) -> None:
    friend = context(tmp_path, shared.caller_authority.leaf(FRIEND))

    statuses = [
        await knock(shared, friend, host=host)
        for host in ("secret.server.example", "nothing.server.example", "orders.caller.example", "127.0.0.1")
    ]

    assert statuses == [403] * 4


async def test_tls_1_2_is_refused(shared: Parties, tmp_path: Path) -> None:
    friend = shared.caller_authority.leaf(FRIEND)

    status = await knock(shared, context(tmp_path, friend, version=ssl.TLSVersion.TLSv1_2))

    assert status is None
