"""Our own gateways, as they are announced on a link."""

import hashlib
from dataclasses import dataclass

from zeroconf import ServiceInfo

from control_plane.discovery.mdns_interface import Interface
from control_plane.discovery.mdns_view import MAX_LABEL, SUFFIX, TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """One gateway. ``address`` is an IP address, or empty for those of the interface."""

    node_id: str
    organisation: str
    spiffe_id: str
    port: int
    address: str = ""
    version: str = ""
    region: str = ""


def service(one: Advertisement, interface: Interface) -> ServiceInfo:
    """What zeroconf is to announce. Two organisations may have the same node id, so names have both."""
    label = _label(f"{one.node_id}@{one.organisation}")
    keys = {
        "txtvers": "1",
        "org": one.organisation,
        "spiffe": one.spiffe_id,
        "node": one.node_id,
        "version": one.version,
        "region": one.region,
    }
    return ServiceInfo(
        TYPE,
        f"{label}{SUFFIX}",
        port=one.port,
        properties={key: value for key, value in keys.items() if value},
        server=f"{_label(one.node_id + '-' + one.organisation).replace('.', '-')}.local.",
        parsed_addresses=[one.address] if one.address else list(interface.public),
    )


def _label(text: str) -> str:
    """The text, or what of it fits into a label together with a hash of the rest."""
    if len(text) <= MAX_LABEL:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[: MAX_LABEL - 13]}-{digest}"
