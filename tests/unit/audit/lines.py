"""Lines as Envoy writes them with the formats of ``translate/access_log.py``."""

import json
from typing import Any

ACCESS: dict[str, Any] = {
    "ts": "2026-03-01T11:59:58.123Z",
    "row": "3f0c1a5e-8a3c-4e57-9f4f-2a1df6f3c111",
    "dir": "ingress",
    "rid": "5b1f3c1e-0000-4000-8000-000000000001",
    "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "peer": "spiffe://bremen.example/gateway/br-1",
    "cert": "ab" * 32,
    "serial": "1f2e3d",
    "method": "GET",
    "path": "/orders/7",
    "host": "orders.luebeck.example",
    "code": 200,
    "detail": "via_upstream",
    "flags": None,
    "ms": 12,
    "bytes": 345,
    "route": "orders",
    "resource": "orders@luebeck.example",
    "rbac": "grant-17",
    "result": "allowed",
    "shadow": None,
    "shadow_result": None,
    "mcp": None,
    "tool": None,
    "upstream": "127.0.0.1:9000",
    "attempts": 1,
    "cluster": "local/orders",
    "target_node": None,
}
LISTENER: dict[str, Any] = {
    "ts": "2026-03-01T11:59:58.123Z",
    "row": "7b0c1a5e-8a3c-4e57-9f4f-2a1df6f3c222",
    "dir": "ingress",
    "peer": "spiffe://stranger.example/x",
    "cert": "cd" * 32,
    "serial": "aa",
    "remote": "203.0.113.9:40000",
    "failure": "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
    "detail": None,
}
OUTLIER: dict[str, Any] = {
    "type": "CONSECUTIVE_5XX",
    "timestamp": "2026-03-01T11:59:58.123Z",
    "cluster_name": "to/orders.bremen.example",
    "upstream_url": "192.0.2.9:8443",
    "action": "EJECT",
    "num_ejections": 1,
    "enforced": True,
}
CHECKED: dict[str, Any] = {
    "health_checker_type": "HTTP",
    "host": {"socket_address": {"protocol": "TCP", "address": "192.0.2.9", "port_value": 8443}},
    "cluster_name": "to/orders.bremen.example",
    "timestamp": "2026-03-01T11:59:58.123Z",
    "metadata": {
        "filter_metadata": {"proxenia": {"node": "br-1@bremen.example"}},
        "typed_filter_metadata": {},
    },
    "locality": {"region": "", "zone": "", "sub_zone": ""},
}


def checked(**changes: object) -> bytes:
    return json.dumps(CHECKED | changes).encode()


def access(**changes: object) -> bytes:
    return json.dumps(ACCESS | changes).encode()


def listener(**changes: object) -> bytes:
    return json.dumps(LISTENER | changes).encode()


def outlier(**changes: object) -> bytes:
    return json.dumps(OUTLIER | changes).encode()
