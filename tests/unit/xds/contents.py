"""What the model's world is made of: few names, and contents that say whether an Envoy takes them."""

from dataclasses import dataclass
from functools import cache

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, XdsResource

TYPES = (CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET)
NAMES = ("to/a", "to/a.b", "to/b", "own")  # one is the beginning of another
GATEWAY, STRANGER = "gw-1", "gw-2"
GOOD = (0, 1, 2)
REFUSED, INVALID = 3, 4  # refused alone and by name; and with everything beside it, nobody named


@dataclass(frozen=True, slots=True)
class Content:
    """One version of one resource."""

    type_url: str
    name: str
    variant: int
    scope: str = ""

    @property
    def good(self) -> bool:
        """Whether Envoy takes it."""
        return self.variant in GOOD


@cache
def published(content: Content) -> XdsResource:
    """The resource as it is put on the board; equal contents have equal versions, as in the product."""
    mark = f"{content.name}|{content.variant}|{content.scope}"
    body = mark.encode()
    if content.type_url == CLUSTER:
        body = Cluster(name=content.name, type=Cluster.EDS, alt_stat_name=mark).SerializeToString()
    return XdsResource.of(content.type_url, content.name, body, scope=content.scope)


def read(type_url: str, body: bytes) -> Content:
    """The content, from the bytes that came over the wire."""
    mark = Cluster.FromString(body).alt_stat_name if type_url == CLUSTER else body.decode()
    name, variant, scope = mark.split("|")
    return Content(type_url, name, int(variant), scope)
