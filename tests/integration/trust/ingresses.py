"""One Envoy with an ingress for every set of bundles that the federation cases hold, as we generate them.

What differs from production is where the parts come from: listeners, routes and secrets are put into one
static bootstrap, and each set of bundles has its own of each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from envoy.config.bootstrap.v3 import bootstrap_pb2
from google.protobuf import json_format

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.problem import InvalidValueError
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.model.xds import XdsResource
from control_plane.pki.certificate import load_certificate, uri_names
from control_plane.reconcile.federator import Federator
from tests.golden.world import items
from tests.integration.translate.static import bootstrap
from tests.unit.pki.federation import FederationCase
from tests.unit.pki.minting import NOW

OWN = TrustDomain("danzig.example")
IDENTITY = SpiffeId(f"spiffe://{OWN}/gateway/gw")
HOST = f"orders.{OWN}"
ANY = Endpoint("127.0.0.1", 1)  # replaced by a free port when Envoy starts

Bundles = tuple[Bundle, ...]


def sets_of(cases: Iterable[FederationCase]) -> list[Bundles]:
    """Each set of bundles once."""
    return list(dict.fromkeys(case.bundles for case in cases))


def configuration(cases: list[FederationCase], upstream: int) -> str:
    """The bootstrap, as JSON; the ingress of the n-th set of bundles is called ``ingress-<n>``."""
    whole = bootstrap_pb2.Bootstrap()
    for number, bundles in enumerate(sets_of(cases)):
        published = _published(bundles, [case for case in cases if case.bundles == bundles], upstream)
        text = bootstrap(published, admin="admin.sock", free_ports=True)
        part = json_format.Parse(text.replace("trust-ingress", f"trust-{number}"), bootstrap_pb2.Bootstrap())
        static = part.static_resources
        if number == 0:
            whole.CopyFrom(part)
            del whole.static_resources.listeners[:]
        else:
            names = {secret.name for secret in whole.static_resources.secrets}
            whole.static_resources.secrets.extend(s for s in static.secrets if s.name not in names)
        for listener in static.listeners:
            if listener.name == "ingress":
                listener.name = f"ingress-{number}"
                whole.static_resources.listeners.append(listener)
    return json_format.MessageToJson(whole)


def _published(bundles: Bundles, cases: list[FederationCase], upstream: int) -> tuple[XdsResource, ...]:
    gateway = Gateway(ObjectId("gw"), IDENTITY, ANY, replace(ANY, port=2))
    values: list[Value] = [
        gateway,
        Resource(ResourceName("orders"), OWN, upstreams=(Endpoint("127.0.0.1", upstream),)),
    ]
    for bundle in bundles:
        organisation = bundle.organisation
        values.append(Agreement(organisation, AgreementState.TRUSTED))
        values.append(bundle)
        values.append(Grant(ObjectId(f"for-{organisation}"), ResourceName("orders"), organisation))
    values.extend(_nodes({bundle.organisation for bundle in bundles}, cases))
    return Federator(OWN, Tuning(limits_enforced=False)).apply(Change(1, items(values)), now=NOW).upserts


def _nodes(partners: set[TrustDomain], cases: Iterable[FederationCase]) -> Iterator[Node]:
    """Whoever a case claims to be is registered if that can be: what is tried is the certificate."""
    claimed = {name for case in cases for name in _names(case)}
    for number, name in enumerate(sorted(claimed)):
        try:
            identity = SpiffeId(name)
        except InvalidValueError:
            continue
        if identity.trust_domain in partners:
            yield Node(ObjectId(f"n{number}"), identity.trust_domain, identity, (ANY,))


def _names(case: FederationCase) -> list[str]:
    end = "-----END CERTIFICATE-----"
    try:
        return uri_names(load_certificate(case.chain.partition(end)[0] + end))
    except InvalidValueError:
        return []
