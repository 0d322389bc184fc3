"""The order in which one stream is told of one step of the world, as data.

Source: "Eventual consistency considerations" of Envoy's xDS protocol: make before break. What is referred to
comes before what refers to it, and what is no longer referred to goes last. One
departure: routes of listeners that are there go before these (decision 0010).
"""

from dataclasses import dataclass

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET


@dataclass(frozen=True, slots=True)
class Row:
    """One type's place in the order, and why it is there."""

    type_url: str
    reason: str


PUSH: tuple[Row, ...] = (
    Row(SECRET, "not ordered by the protocol: trust goes first, so that nothing new meets old anchors"),
    Row(CLUSTER, "clusters, if any changed, are always pushed before everything that can refer to them"),
    Row(
        ENDPOINTS, "endpoints arrive after the clusters that they belong to, which warm until they have them"
    ),
    # A listener that ends its connections would send callers of them away before they read a denial, and
    # they would try again for a while. Routes of a new listener do come after it: Envoy asks for them then.
    Row(ROUTES, "routes arrive after clusters and endpoints, since they do not warm"),
    Row(LISTENER, "listeners arrive after the clusters and endpoints that they lead to"),
)

REMOVE: tuple[Row, ...] = (
    Row(LISTENER, "nothing refers to a listener"),
    Row(ROUTES, "routes are referred to by listeners only"),
    Row(CLUSTER, "stale clusters go when no route or listener refers to them any more"),
    Row(ENDPOINTS, "stale endpoints go with their clusters"),
    Row(SECRET, "secrets are referred to by clusters and listeners"),
)

DEFAULT_TO_ALL = frozenset({CLUSTER, LISTENER})
"""Types of which a first request without names means all ("legacy wildcard"); the others must say ``*``."""

RETURNING = frozenset({CLUSTER, LISTENER})
"""Types of which an Envoy that refuses a version is sent the last one that was acknowledged: one that was
started meanwhile has none. Not of routes, secrets and endpoints, which say who may do what, and where: an old
version of those could give back what was taken away."""

PARENT, CHILD = CLUSTER, ENDPOINTS
"""A changed parent warms until its child is sent again, even an unchanged one: Envoy does not ask for it."""
