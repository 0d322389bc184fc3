"""The name servers that this machine uses."""

from dns.resolver import NoResolverConfiguration, Resolver

from control_plane.discovery.dns_exchange import Server


def system_servers() -> tuple[Server, ...]:
    """Those of ``/etc/resolv.conf`` as it is now; none when it cannot be read."""
    try:
        resolver = Resolver()
    except NoResolverConfiguration:
        return ()
    return tuple(Server(str(server), resolver.port) for server in resolver.nameservers)
