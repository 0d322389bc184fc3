"""The listeners of a gateway: partners come in through one, our applications go out through the other.

A third, where the settings ask for it, is for metrics. They change only when the gateway's addresses or the
tuning do, or when trust was taken back. Policy is in routes and secrets, because a changed listener leaves
open connections with the old one until they are drained. That is put to use, since nothing else that xDS has
ends a connection or a stream within one: the filter chain's name carries the epoch, and after a revocation,
and only then, Envoy drains all connections of the chain before, and cuts what is left of them when its drain
time is over.
"""

from envoy.config.core.v3 import address_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from control_plane.model.gateway import Gateway
from control_plane.model.node import Endpoint
from control_plane.model.tuning import Tuning
from control_plane.translate import access_log
from control_plane.translate.http import egress_manager, ingress_manager
from control_plane.translate.metrics import metrics_manager
from control_plane.translate.names import APPLICATIONS, EGRESS, INGRESS, METRICS, PARTNERS
from control_plane.translate.parts import packed, seconds, serialised
from control_plane.translate.tls import ingress_socket
from control_plane.translate.tracing import traced

_MANAGER = "envoy.filters.network.http_connection_manager"


def ingress(gateway: Gateway, tuning: Tuning, *, epoch: int = 0, limits: tuple[int, ...]) -> bytes:
    """Mutual TLS, then HTTP."""
    chain = _chain(PARTNERS, epoch, traced(ingress_manager(tuning, limits), gateway, tuning))
    chain.transport_socket.CopyFrom(ingress_socket(tuning))
    chain.transport_socket_connect_timeout.CopyFrom(seconds(tuning.handshake_timeout))
    listener = _listener(INGRESS, gateway.ingress, chain)
    listener.access_log.append(access_log.handshakes(tuning))
    return serialised(listener)


def egress(gateway: Gateway, tuning: Tuning, *, epoch: int = 0) -> bytes:
    """Plain HTTP from loopback or a private network; every request leaves over mutual TLS.

    The epoch is here too: emptying a cluster does not cut streams that are open to it.
    """
    chain = _chain(APPLICATIONS, epoch, traced(egress_manager(tuning), gateway, tuning))
    return serialised(_listener(EGRESS, gateway.egress, chain))


def metrics(address: Endpoint, tuning: Tuning) -> bytes:
    """Plain HTTP; answers also when no more connections of others are taken."""
    listener = _listener(METRICS, address, _chain(METRICS, 0, metrics_manager(tuning)))
    listener.ignore_global_conn_limit = True
    return serialised(listener)


def _chain(
    callers: str, epoch: int, manager: http_connection_manager_pb2.HttpConnectionManager
) -> listener_components_pb2.FilterChain:
    http = listener_components_pb2.Filter(name=_MANAGER, typed_config=packed(manager))
    return listener_components_pb2.FilterChain(name=f"{callers}@{epoch}", filters=[http])


def _listener(
    name: str, address: Endpoint, chain: listener_components_pb2.FilterChain
) -> listener_pb2.Listener:
    return listener_pb2.Listener(
        name=name,
        address=address_pb2.Address(
            socket_address=address_pb2.SocketAddress(address=address.host, port_value=address.port)
        ),
        filter_chains=[chain],
    )
