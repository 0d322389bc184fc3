"""One planned unit to its Envoy resources. Nothing here looks at another unit."""

from dataclasses import dataclass

from control_plane.model.federation import Export, Import, Listeners, Mixed, Own, Partner, Planned
from control_plane.model.identity import TrustDomain
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, LOCAL_CLUSTER, ROUTES, SECRET, XdsResource
from control_plane.translate import clusters, endpoints, listeners, routes, secrets, tracing
from control_plane.translate.names import (
    EGRESS,
    INGRESS,
    METRICS,
    OWN_PART,
    TRACES,
    TRUST_INGRESS,
    group_part,
    import_cluster,
    local_cluster,
    partner_trust,
    statistics,
)


@dataclass(frozen=True, slots=True)
class Translated:
    """What one unit adds: resources of its own, and its part of the two that all units share."""

    resources: tuple[XdsResource, ...] = ()
    virtual_host: bytes = b""  # part of the route configuration ``ingress``
    egress_host: bytes = b""  # part of the route configuration ``egress``
    trust_domain: bytes = b""  # part of the secret ``trust-ingress``
    export: Export | None = None  # what it was made of, for those who ask what is allowed
    member: bool = False  # a gateway: one of those that share the limits


def translate(planned: Planned, tuning: Tuning, own: TrustDomain) -> Translated:
    """The resources of ``planned``; equal values give equal bytes."""
    match planned:
        case Import(resource):
            return Translated(
                _imported(planned, tuning, import_cluster(resource)),
                egress_host=routes.egress_host(resource, tuning, own),
            )
        case Own(resource):
            name = import_cluster(resource)
            return Translated(
                (
                    XdsResource.of(CLUSTER, name, clusters.own(resource, tuning)),
                    XdsResource.of(ENDPOINTS, name, endpoints.of_own(name, resource)),
                ),
                egress_host=routes.egress_host(resource, tuning, own),
            )
        case Mixed():
            return Translated(_mixed(planned, tuning))
        case Export(resource):
            name = local_cluster(resource)
            return Translated(
                (
                    XdsResource.of(CLUSTER, name, clusters.exported(resource, tuning)),
                    XdsResource.of(ENDPOINTS, name, endpoints.of_upstreams(name, resource.upstreams)),
                ),
                virtual_host=routes.ingress_host(planned, own, tuning),
                export=planned,
            )
        case Partner(organisation):
            secret = XdsResource.of(SECRET, partner_trust(organisation), secrets.partner_secret(planned))
            return Translated((secret,), trust_domain=secrets.ingress_domain(planned))
        case Listeners(gateway, epoch, limits):
            into = listeners.ingress(gateway, tuning, epoch=epoch, limits=limits)
            out = listeners.egress(gateway, tuning, epoch=epoch)
            made = [(INGRESS, into), (EGRESS, out)]
            if gateway.metrics is not None:
                made.append((METRICS, listeners.metrics(gateway.metrics, tuning)))
            own_ones = [XdsResource.of(LISTENER, name, body, scope=gateway.id) for name, body in made]
            if tuning.traces is not None:
                to = tracing.collector(tuning.traces, tuning)
                own_ones.append(XdsResource.of(CLUSTER, TRACES, to, scope=gateway.id))
            return Translated(tuple(own_ones), member=True)


def _imported(planned: Import, tuning: Tuning, name: str, shown: str = "") -> tuple[XdsResource, ...]:
    shown = shown or statistics(name)
    return (
        XdsResource.of(CLUSTER, name, clusters.imported(planned, tuning, name, shown)),
        XdsResource.of(ENDPOINTS, name, endpoints.of_targets(name, planned.targets, tuning)),
    )


def _mixed(planned: Mixed, tuning: Tuning) -> tuple[XdsResource, ...]:
    """A cluster for each part, and the one that applications name, which asks them in their order.

    Envoy counts answers at the latter, and requests at the parts; those to partners are to partners.
    """
    shown, service = planned.resource, planned.own.resource
    ahead, own, behind = (group_part(shown, part) for part in ("ahead", OWN_PART, "behind"))
    at_home, named = endpoints.of_own(own, service), statistics(import_cluster(shown))
    parts = [
        _imported(planned.ahead, tuning, ahead, f"{named}/ahead") if planned.ahead else (),
        (XdsResource.of(CLUSTER, own, clusters.own_part(service, tuning, own, at_home)),),
        _imported(planned.behind, tuning, behind, f"{named}/behind") if planned.behind else (),
    ]
    made = [resource for part in parts for resource in part]
    order = [resource.name for resource in made if resource.type_url == CLUSTER]
    whole = XdsResource.of(CLUSTER, import_cluster(shown), clusters.in_order(shown, order, tuning))
    return (*made, whole)


def egress_routes(tuning: Tuning, own: TrustDomain, virtual_hosts: list[bytes]) -> XdsResource:
    """The egress routes, of which only resources with a time-out of their own have a part."""
    return XdsResource.of(ROUTES, EGRESS, routes.egress(tuning, own) + b"".join(virtual_hosts))


def ingress_routes(virtual_hosts: list[bytes]) -> XdsResource:
    """The ingress routes of all exports, in the given order."""
    return XdsResource.of(ROUTES, INGRESS, routes.ingress(virtual_hosts))


def sharing(gateways: int) -> XdsResource:
    """How many gateways share the limits, as Envoy counts them."""
    return XdsResource.of(ENDPOINTS, LOCAL_CLUSTER, endpoints.of_gateways(gateways))


def ingress_trust(own: TrustDomain, trust_domains: list[bytes]) -> XdsResource:
    """The anchors of all partners, each for itself, in the given order."""
    return XdsResource.of(SECRET, TRUST_INGRESS, secrets.ingress_secret(own, trust_domains))
