"""Who is at the other end of a connection, from its certificate and from nothing that it says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain, shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError


class Connection(Protocol):
    """What grpc knows of the other end."""

    def peer(self) -> str:
        """``unix:…``, ``ipv4:…`` or ``ipv6:…``."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Properties of the verified certificate; ``peer_uri`` holds each of its URI SANs."""


def caller_of(connection: Connection) -> Caller:
    """Read the caller's identity; ForbiddenError unless the certificate has exactly one URI SAN, a SPIFFE id.

    Two would let one organisation's authority put a second name beside a good one (envoy.md, section 2.2).
    """
    if connection.peer().startswith("unix:"):
        return Caller(None)
    uris = [uri.decode("ascii", "replace") for uri in connection.auth_context().get("peer_uri", ())]
    if len(uris) != 1:
        raise ForbiddenError(f"expected a client certificate with exactly one URI SAN, got {len(uris)}")
    try:
        return Caller(SpiffeId(uris[0]))
    except InvalidValueError as error:
        raise ForbiddenError(f"client certificate: {error.detail}") from error


@dataclass(frozen=True, slots=True)
class Admission:
    """Which gateways may open a stream; ``authorise`` has the last word on ids that a certificate proves."""

    trust_domain: TrustDomain
    authorise: Callable[[Caller, str], bool]

    def gateway(self, caller: Caller, node_id: str) -> ObjectId:
        """Admit the node of this id; InvalidValueError for a bad id, ForbiddenError for another's."""
        gateway = ObjectId(node_id)
        expected = f"spiffe://{self.trust_domain}/gateway/{gateway}"
        if caller.spiffe_id is not None and caller.spiffe_id != expected:
            raise ForbiddenError(
                f"expected the certificate of {expected} for node id {shown(node_id)}, got {caller.spiffe_id}"
            )
        if not self.authorise(caller, gateway):
            raise ForbiddenError(f"gateway {shown(node_id)} may not connect; register it first")
        return gateway
