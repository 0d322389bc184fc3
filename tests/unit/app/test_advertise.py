"""Which of our gateways mDNS announces, and at which address."""

import pytest

from control_plane.app import advertise
from control_plane.app.advertise import OurGateways
from control_plane.discovery.mdns_advertise import Advertisement
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Stored, Write
from tests.fakes.objects import FakeObjects

ANY = "0.0.0.0"  # noqa: S104 - what settings say, not bound


def gateway(name: str, host: str) -> Gateway:
    identity = SpiffeId(f"spiffe://bergen.example/gateway/{name}")
    return Gateway(ObjectId(name), identity, Endpoint(host, 8443), Endpoint("127.0.0.1", 15001))


def announced(name: str, address: str) -> Advertisement:
    identity = f"spiffe://bergen.example/gateway/{name}"
    return Advertisement(
        node_id=name, organisation="bergen.example", spiffe_id=identity, port=8443, address=address
    )


async def registered(*gateways: Gateway) -> FakeObjects:
    objects = FakeObjects()
    await objects.write([Write(Kind.GATEWAY, one.key, one) for one in gateways], actor="test")
    return objects


async def test_gateways_are_announced_where_they_listen_unless_that_is_here_alone() -> None:
    objects = await registered(
        gateway("a", "192.0.2.1"), gateway("b", ANY), gateway("c", "::"), gateway("d", "127.0.0.1")
    )

    assert await OurGateways(objects)() == [
        announced("a", "192.0.2.1"),
        announced("b", ""),
        announced("c", ""),
    ]
    assert await OurGateways(objects, "198.51.100.1")() == [
        announced("a", "192.0.2.1"),
        announced("b", "198.51.100.1"),
        announced("c", "198.51.100.1"),
    ]


async def test_while_the_database_is_away_those_of_before_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(FakeObjects):
        away = False

        async def page(
            self, kind: Kind, *, after: str = "", limit: int = 100, organisation: str = ""
        ) -> list[Stored]:
            if self.away:
                raise UnavailableError("away")
            return await super().page(kind, after=after, limit=limit, organisation=organisation)

    monkeypatch.setattr(advertise, "EVERY", 0.0)
    objects = Failing()
    await objects.write([Write(Kind.GATEWAY, "a", gateway("a", "192.0.2.1"))], actor="test")
    ours = OurGateways(objects)
    before = await ours()
    objects.away = True

    assert await ours() == before == [announced("a", "192.0.2.1")]
