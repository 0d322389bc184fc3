"""Which name servers are asked, and which domains there can be."""

import pytest
from dns.resolver import NoResolverConfiguration

from control_plane.discovery import dns_system
from control_plane.discovery.dns_exchange import Server
from control_plane.discovery.dns_sd import DnsOptions, DnsSd, parse_domain
from control_plane.discovery.dns_system import system_servers
from control_plane.ports.source import Lost


class Machine:
    """What dnspython reads of /etc/resolv.conf."""

    port = 53
    nameservers = ("192.0.2.53", "2001:db8::53")


def test_without_settings_the_servers_of_the_machine_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_system, "Resolver", Machine)

    assert system_servers() == (Server("192.0.2.53", 53), Server("2001:db8::53", 53))
    assert [str(server) for server in system_servers()] == ["192.0.2.53:53", "[2001:db8::53]:53"]


async def test_a_machine_without_servers_is_lost_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unconfigured() -> None:
        raise NoResolverConfiguration

    monkeypatch.setattr(dns_system, "Resolver", unconfigured)

    async for report in DnsSd(DnsOptions(domain="luebeck.example")).reports():
        assert report == Lost("there is no name server to ask: set dns_servers")
        break


@pytest.mark.parametrize("text", ["luebeck.example", "Luebeck.Example."])
def test_a_source_has_the_name_of_its_domain(text: str) -> None:
    assert DnsSd(DnsOptions(domain=text)).name.lower() == "dns-sd:luebeck.example"


@pytest.mark.parametrize("text", ["", ".", "a..b", "x" * 64 + ".example", ".".join(["x" * 60] * 4)])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a domain"):
        parse_domain(text)
