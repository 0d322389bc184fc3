"""One DNS-SD instance: from its records to what it says, or to the reason why it is refused."""

from collections.abc import Mapping, Sequence

from dns.name import Name

from control_plane.discovery import txt
from control_plane.discovery.dns_answer import Found
from control_plane.discovery.dns_message import Srv
from control_plane.model.node import MAX_ENDPOINTS
from control_plane.model.problem import InvalidValueError
from control_plane.model.sighting import Candidate, RawEndpoint

SERVICE = Name((b"_proxenia", b"_tcp"))
BROWSING = Name((b"b", b"_dns-sd", b"_udp"))  # RFC 6763, section 11: the domains to browse


def subject(name: Name) -> str:
    """A name as an operator reads it: its first label as text, the rest as DNS writes it."""
    if not name.labels or not is_instance(name):
        return name.to_text()
    try:
        label = name.labels[0].decode("utf-8")
    except UnicodeDecodeError:
        return name.to_text()
    return f"{label}.{name.parent()}" if label.isprintable() else name.to_text()


def is_instance(name: Name) -> bool:
    """Whether it is ``<instance>._proxenia._tcp.<domain>``, in whatever domain (RFC 6763, section 4.1)."""
    return len(name.labels) > len(SERVICE.labels) + 1 and (
        tuple(label.lower() for label in name.labels[1:3]) == SERVICE.labels
    )


def targets(found: Found) -> tuple[Name, ...]:
    """The host names that SRV records lead to; InvalidValueError when there is nothing to lead to."""
    records = _services(found)
    if not records:
        raise InvalidValueError(
            "no_srv", "expected an SRV record, got none: the browse answer is ahead of it"
        )
    if len(records) > MAX_ENDPOINTS:
        raise InvalidValueError(
            "too_many_addresses", f"expected at most {MAX_ENDPOINTS} SRV records, got {len(records)}"
        )
    hosts = {record.target: None for record in records if len(record.target.labels) > 1}
    if not hosts:
        raise InvalidValueError("no_srv", "expected a host in SRV, got '.': the service says it is not there")
    return tuple(hosts)


def _services(found: Found) -> list[Srv]:
    return [record for record in found.data if isinstance(record, Srv)]


def endpoints(found: Found, addresses: Mapping[Name, Sequence[str]]) -> tuple[RawEndpoint, ...]:
    """Every address that the SRV records lead to, in an order that only depends on them.

    SRV priorities are any numbers to 65535, Envoy's are 0 to 127 without a gap, so each becomes its rank.
    Weight 0 (hardly ever, RFC 2782) becomes 1: Envoy has no 0.
    """
    records = _services(found)
    used = [record for record in records if addresses.get(record.target)]
    rank = {priority: number for number, priority in enumerate(sorted({record.priority for record in used}))}
    made: dict[tuple[str, int], RawEndpoint] = {}
    for record in sorted(
        used, key=lambda srv: (srv.priority, -srv.weight, srv.port, srv.target.to_wire() or b"")
    ):
        for host in sorted(addresses[record.target]):
            one = RawEndpoint(host, record.port, rank[record.priority], max(1, record.weight))
            made.setdefault((host, record.port), one)
    if not made:
        hosts = ", ".join(str(record.target) for record in records)
        raise InvalidValueError("no_address", f"expected an address, got none for {hosts[:200]}")
    if len(made) > MAX_ENDPOINTS:
        raise InvalidValueError(
            "too_many_addresses", f"expected at most {MAX_ENDPOINTS} addresses, got {len(made)}"
        )
    return tuple(made.values())


def describe(found: Found) -> txt.Description:
    """What the TXT record says; several of them contradict each other (RFC 6763, section 6.8)."""
    records = [record for record in found.data if isinstance(record, tuple) and not isinstance(record, Srv)]
    if not records:
        raise InvalidValueError(
            "no_txt", "expected a TXT record with org and spiffe, got none: publish it beside SRV"
        )
    if len(records) > 1:
        raise InvalidValueError(
            "two_txt", f"expected one TXT record, got {len(records)}: which one holds is unknown"
        )
    return txt.read(records[0])


def candidate(
    name: Name, said: txt.Description, found: tuple[RawEndpoint, ...], *, ttl: int | None
) -> Candidate:
    """What the instance says, for the guard; InvalidValueError when its name cannot be read."""
    try:
        label = name.labels[0].decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError("bad_instance", "expected an instance name in UTF-8") from error
    return Candidate(
        subject=subject(name),
        node_id=said.node_id or label,
        organisation=said.organisation,
        spiffe_id=said.spiffe_id,
        endpoints=found,
        name=label,
        region=said.region,
        version=said.version,
        resources=said.resources,
        metadata=said.metadata,
        ttl=float(ttl or 0),
    )
