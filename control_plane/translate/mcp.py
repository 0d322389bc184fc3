"""MCP resources: Envoy reads each message before it is authorized, so that a grant can name tools.

What is no MCP message is refused (400), and so is one that two readers could understand differently: a key
that is there twice, two messages in one body, a batch. The filter is off, and on only at the virtual hosts of
MCP resources: other services get their bodies as they come.
"""

from collections.abc import Sequence

from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.matching.common_inputs.network.v3 import network_inputs_pb2
from envoy.extensions.matching.input_matchers.metadata.v3 import metadata_pb2
from envoy.type.matcher.v3 import string_pb2, value_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from xds.core.v3 import extension_pb2
from xds.type.matcher.v3 import matcher_pb2
from xds.type.v3 import typed_struct_pb2

from control_plane.model.authorization import CALL
from control_plane.model.tuning import Tuning
from control_plane.translate.names import MCP_FILTER
from control_plane.translate.parts import packed

_Predicate = matcher_pb2.Matcher.MatcherList.Predicate
_TYPE = "type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp"


def reader(tuning: Tuning) -> http_connection_manager_pb2.HttpFilter:
    """The filter, which does nothing until a virtual host switches it on."""
    # Newer than the messages of ``xds-protos``; Envoy refuses a field that it does not know.
    config = typed_struct_pb2.TypedStruct(type_url=_TYPE)
    config.value["traffic_mode"] = "REJECT_NO_MCP"
    config.value["reject_duplicate_keys"] = True
    config.value["max_request_body_size"] = tuning.mcp_body_bytes
    return http_connection_manager_pb2.HttpFilter(name=MCP_FILTER, typed_config=packed(config), disabled=True)


def switched_on() -> Any:
    """For the virtual host of an MCP resource."""
    return packed(route_components_pb2.FilterConfig(config=Any()))


def says(method: str) -> _Predicate:
    """The message is a request or notification of this method."""
    return _found(("method",), method)


def calls(tools: Sequence[str]) -> _Predicate:
    """The message calls one of these tools."""
    named = [_found(("params", "name"), tool) for tool in tools]
    one = named[0] if len(named) == 1 else _Predicate(or_matcher=_Predicate.PredicateList(predicate=named))
    return _Predicate(and_matcher=_Predicate.PredicateList(predicate=[says(CALL), one]))


def _found(path: Sequence[str], text: str) -> _Predicate:
    source = network_inputs_pb2.DynamicMetadataInput(filter=MCP_FILTER)
    for key in path:
        source.path.add(key=key)
    wanted = value_pb2.ValueMatcher(string_match=string_pb2.StringMatcher(exact=text))
    single = _Predicate.SinglePredicate(
        input=_extension("mcp", source), custom_match=_extension("text", metadata_pb2.Metadata(value=wanted))
    )
    return _Predicate(single_predicate=single)


def _extension(name: str, message: Message) -> extension_pb2.TypedExtensionConfig:
    return extension_pb2.TypedExtensionConfig(name=name, typed_config=packed(message))
