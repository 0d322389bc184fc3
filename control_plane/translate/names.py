"""Names of Envoy resources. Each holds everything that distinguishes it; other parts read them back."""

from control_plane.model.identity import TrustDomain
from control_plane.model.resource import Resource

INGRESS = "ingress"  # listener and route configuration
EGRESS = "egress"  # listener and route configuration
OURS = "ours"  # virtual host of the egress: hosts of our own organisation
METRICS = "metrics"  # listener of a gateway whose settings ask for it
TRACES = "traces"  # cluster of a gateway: the collector of spans, where the settings name one
ADMIN_CLUSTER = "admin"  # Envoy's own admin socket; in the bootstrap, never sent by us
PARTNERS = "partners"  # filter chain of the ingress: ``partners@<epoch>``
APPLICATIONS = "applications"  # filter chain of the egress: ``applications@<epoch>``
TRUST_INGRESS = "trust-ingress"  # secret: one bundle per trusted organisation
OWN_CERTIFICATE = "own"  # secret in the agent's file; never sent by us

NAMESPACE = "proxenia"  # of the metadata on clusters, endpoints and routes, which the access log reads
CLUSTER_HEADER = "x-proxenia-cluster"  # set by our egress listener only
RESOURCE_HEADER = "x-proxenia-resource"  # how an application names a resource, instead of by host
SERIAL_HEADER = "x-proxenia-serial"  # of the caller's certificate; set by our ingress listener only
IMPORT_PREFIX = "to/"
PARTS_PREFIX = "group/"
OWN_PART = "own"  # of a group with ourselves among its members
MCP_FILTER = "envoy.filters.http.mcp"  # also the namespace of what it found in a request


def import_cluster(resource: Resource) -> str:
    """``to/<name>.<organisation>``: what the egress listener makes of the request's host name."""
    return f"{IMPORT_PREFIX}{resource.host}"


def group_part(resource: Resource, part: str) -> str:
    """``group/<name>.<organisation>/<part>``: one of those that a group with ourselves in it is made of.

    No host name has such a form, so that no caller can choose a part.
    """
    return f"{PARTS_PREFIX}{resource.host}/{part}"


def is_own_part(cluster: str) -> bool:
    """Whether our own service is behind this part of a group."""
    return cluster.startswith(PARTS_PREFIX) and cluster.endswith(f"/{OWN_PART}")


def local_cluster(resource: Resource) -> str:
    """``local/<name>``: the service behind our ingress."""
    return f"local/{resource.name}"


def statistics(cluster: str) -> str:
    """A cluster's name in metrics: Envoy cuts names at dots, which would merge different clusters."""
    return cluster.replace(".", "_")


def own_statistics(resource: Resource) -> str:
    """In metrics our own applications' requests to our own service are neither to partners nor of them."""
    return f"own/{resource.name}"


def partner_trust(organisation: TrustDomain) -> str:
    """The secret with one partner's anchors and identities, for connections to its nodes."""
    return f"trust-{organisation}"
