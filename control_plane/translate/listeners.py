"""The two listeners of a gateway: partners come in through one, our applications go out through the other.

They change only when the gateway's addresses or the tuning do. Policy is in routes and secrets, because a
changed listener leaves open connections with the old one until they are drained.
"""

from envoy.config.core.v3 import address_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

from control_plane.model.gateway import Gateway
from control_plane.model.node import Endpoint
from control_plane.model.tuning import Tuning
from control_plane.translate import access_log
from control_plane.translate.http import egress_manager, ingress_manager
from control_plane.translate.names import EGRESS, INGRESS
from control_plane.translate.parts import packed, seconds, serialised
from control_plane.translate.tls import ingress_socket

_MANAGER = "envoy.filters.network.http_connection_manager"


def ingress(gateway: Gateway, tuning: Tuning) -> bytes:
    """Mutual TLS, then HTTP."""
    chain = _chain(ingress_manager(tuning))
    chain.transport_socket.CopyFrom(ingress_socket(tuning))
    chain.transport_socket_connect_timeout.CopyFrom(seconds(tuning.handshake_timeout))
    listener = _listener(INGRESS, gateway.ingress, chain)
    listener.access_log.append(access_log.handshakes(tuning))
    return serialised(listener)


def egress(gateway: Gateway, tuning: Tuning) -> bytes:
    """Plain HTTP from loopback or a private network; every request leaves over mutual TLS."""
    return serialised(_listener(EGRESS, gateway.egress, _chain(egress_manager(tuning))))


def _chain(manager: http_connection_manager_pb2.HttpConnectionManager) -> listener_components_pb2.FilterChain:
    http = listener_components_pb2.Filter(name=_MANAGER, typed_config=packed(manager))
    return listener_components_pb2.FilterChain(filters=[http])


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
