"""Bytes of responses: each resource is serialised once, each response once for all streams that it fits.

A serialised message followed by another of its type is their merge (Protocol Buffers, "last one wins" and
"repeated fields append"). So a response is its entries' frames, one after the other, and a tail.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError

from control_plane.model.xds import XdsResource
from control_plane.xds.order import PARENT
from control_plane.xds.table import Entry

MAX_SHARED = 64  # responses of one type that are kept for other streams
MAX_ACKS = 1_024  # of the latest responses, whose ACKs are known without parsing
MAX_SHARED_BYTES = 32 * 2**20  # and their size, unless a single one is larger


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """One DeltaDiscoveryResponse; ``data`` is shared by every stream that is at the same place."""

    type_url: str
    serial: int
    nonce: str
    data: bytes
    entries: tuple[Entry, ...]
    removed: tuple[str, ...]


def entry_of(resource: XdsResource, revision: int) -> Entry:
    """Frame ``resource``; raises ValueError when a cluster's body is none."""
    any_body = Any(type_url=resource.type_url, value=resource.body)
    framed = Resource(name=resource.name, version=resource.version, resource=any_body)
    frame = DeltaDiscoveryResponse(resources=[framed]).SerializeToString()
    child = _child(resource) if resource.type_url == PARENT else ""
    return Entry(resource.name, resource.version, frame, child, revision)


def _child(resource: XdsResource) -> str:
    """Name the endpoints that a cluster subscribes to."""
    try:
        cluster = Cluster.FromString(resource.body)
    except DecodeError as error:
        raise ValueError(f"expected a serialised cluster in {resource.name!r}, got other bytes") from error
    if cluster.type != Cluster.EDS:
        return ""
    return cluster.eds_cluster_config.service_name or cluster.name


class Frames:
    """Makes the responses of one type, with nonces of a sequence that all types share; keeps the latest."""

    def __init__(self, type_url: str, serials: Iterator[int], acks: dict[bytes, tuple[str, str]]) -> None:
        self._type_url = type_url
        self._serials = serials
        self._acks = acks
        self._bytes = 0
        self._latest: Response | None = None  # spares the hashing of many entries, stream after stream
        self._shared: dict[tuple[tuple[Entry, ...], tuple[str, ...]], Response] = {}

    def response(self, entries: tuple[Entry, ...], removed: tuple[str, ...], *, after: int) -> Response:
        """Put exactly these in a response whose serial number is greater than ``after``.

        A stream asks for more than its last number: it never sees a nonce twice, although nonces are shared.
        """
        latest = self._latest
        same = latest is not None and latest.entries is entries and latest.removed == removed
        if latest is not None and same and latest.serial > after:
            return latest
        key = (entries, removed)
        shared = self._shared.get(key)
        if shared is None or shared.serial <= after:
            shared = self._make(entries, removed)
            if self._bytes + len(shared.data) > MAX_SHARED_BYTES or len(self._shared) >= MAX_SHARED:
                self.forget()
            self._shared[key] = shared
            self._bytes += len(shared.data)
        self._latest = shared
        return shared

    def forget(self) -> None:
        """Let go of all responses: the world moved on."""
        self._shared.clear()
        self._latest = None
        self._bytes = 0

    def _make(self, entries: tuple[Entry, ...], removed: tuple[str, ...]) -> Response:
        serial = next(self._serials)
        nonce = str(serial)
        ack = DeltaDiscoveryRequest(type_url=self._type_url, response_nonce=nonce).SerializeToString()
        if len(self._acks) >= MAX_ACKS:
            del self._acks[next(iter(self._acks))]
        self._acks[ack] = (self._type_url, nonce)
        tail = DeltaDiscoveryResponse(type_url=self._type_url, nonce=nonce, removed_resources=removed)
        data = b"".join([*(entry.frame for entry in entries), tail.SerializeToString()])
        return Response(self._type_url, serial, nonce, data, entries, removed)
