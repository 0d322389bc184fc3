"""Small messages that many resources are made of."""

from envoy.config.core.v3 import base_pb2, config_source_pb2, extension_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from control_plane.translate.names import NAMESPACE

_NANOS = 1_000_000_000

WAIT = 0.0
"""As ``fetch_timeout``: wait for the resource as long as it takes."""


def seconds(value: float) -> Duration:
    """A duration, exact to the microsecond."""
    nanos = round(value * 1_000_000) * 1_000
    return Duration(seconds=nanos // _NANOS, nanos=nanos % _NANOS)


def packed(message: Message) -> Any:
    """``message`` with its type; equal messages give equal bytes."""
    box = Any()
    box.Pack(message, deterministic=True)
    return box


def extension(name: str, message: Message) -> extension_pb2.TypedExtensionConfig:
    """An extension and its configuration."""
    return extension_pb2.TypedExtensionConfig(name=name, typed_config=packed(message))


def ads(fetch_timeout: float) -> config_source_pb2.ConfigSource:
    """From the control plane, over the one stream; after ``fetch_timeout`` Envoy goes on without."""
    return config_source_pb2.ConfigSource(
        ads=config_source_pb2.AggregatedConfigSource(),
        resource_api_version=config_source_pb2.ApiVersion.V3,
        initial_fetch_timeout=seconds(fetch_timeout),
    )


def metadata(**texts: str) -> base_pb2.Metadata:
    """Facts of ours on a cluster, endpoint or route, where the access log finds them."""
    result = base_pb2.Metadata()
    for key, text in texts.items():
        result.filter_metadata[NAMESPACE].fields[key].string_value = text
    return result


def serialised(message: Message) -> bytes:
    """Bytes that are equal for equal messages: versions are hashes of them."""
    return message.SerializeToString(deterministic=True)
