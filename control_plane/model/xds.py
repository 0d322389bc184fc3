"""An Envoy resource as bytes: made once by ``translate``, shared by every stream that may see it."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name

VERSION_BYTES = 6  # 8 base64 characters: short, since Envoy repeats every version when it reconnects


LOCAL_CLUSTER = "gateways"
"""The cluster by which an Envoy knows how many gateways of ours share the limits; nothing is sent to it."""


@dataclass(frozen=True, slots=True)
class XdsResource:
    """``body`` is the serialised message; ``version`` is made of its bytes: replicas agree without talking.

    ``scope`` is empty for what every gateway sees, else the id of the only gateway that may see it.
    """

    type_url: str
    name: str
    version: str
    body: bytes
    scope: str = ""

    @classmethod
    def of(cls, type_url: str, name: str, body: bytes, *, scope: str = "") -> "XdsResource":
        """Version ``body`` by its content."""
        digest = blake2b(body, digest_size=VERSION_BYTES).digest()
        return cls(type_url, name, urlsafe_b64encode(digest).decode(), body, scope)
