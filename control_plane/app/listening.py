"""Addresses to listen on, as settings name them."""

from control_plane.model.node import Endpoint


def parse_listen(text: str) -> Endpoint:
    """``host:port`` or ``[v6]:port`` as an endpoint; raises ValueError (InvalidValueError for a bad part)."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        message = f"expected <IP address>:<port>, got {text[:80]!r}"
        raise ValueError(message)
    return Endpoint(host=host.removeprefix("[").removesuffix("]"), port=int(port))
