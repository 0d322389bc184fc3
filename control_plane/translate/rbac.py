"""Who may do what at our ingress, as Envoy's RBAC: an exact map of identities, deny by default.

The input is all URI names of the client certificate joined by commas. A certificate with two of them
therefore matches no entry, while Envoy's list of principals would let it in by either. A map also costs
the same for one identity and for a thousand.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from envoy.config.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as filter_pb2
from envoy.extensions.matching.common_inputs.ssl.v3 import ssl_inputs_pb2
from envoy.type.matcher.v3 import http_inputs_pb2
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from xds.core.v3 import extension_pb2
from xds.type.matcher.v3 import matcher_pb2, string_pb2

from control_plane.model.authorization import BASE_METHODS
from control_plane.model.federation import DENY_CAPABILITY, DENY_CERTIFICATE, DENY_DEFAULT, Policy
from control_plane.model.grant import Capability
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.translate import mcp
from control_plane.translate.names import SERIAL_HEADER
from control_plane.translate.parts import packed, serialised
from control_plane.translate.wire import delimited

PER_ROUTE = "envoy.filters.http.rbac"

# Field numbers of xds.type.matcher.v3 and of the filter; a test holds them against the descriptors.
MAP_ENTRIES = 1  # Matcher.MatcherTree.MatchMap.map
TREE_INPUT, TREE_EXACT_MAP = 1, 2  # Matcher.MatcherTree
MATCHER_TREE, MATCHER_ON_NO_MATCH = 2, 3  # Matcher
RBAC_RULES, RBAC_MATCHER, RBAC_SHADOW_MATCHER = 1, 4, 5  # RBAC
PER_ROUTE_RBAC = 2  # RBACPerRoute
_KEY, _VALUE = 1, 2  # of every map's entry

Allowed = Sequence[tuple[SpiffeId, tuple[Policy, ...]]]

_NONE: Mapping[TrustDomain, tuple[str, ...]] = {}
_Matcher = matcher_pb2.Matcher
_OnMatch = matcher_pb2.Matcher.OnMatch
_Predicate = matcher_pb2.Matcher.MatcherList.Predicate


def deny_all() -> filter_pb2.RBAC:
    """The filter itself: an allow-list without entries, for requests that no virtual host speaks for."""
    return filter_pb2.RBAC(rules=rbac_pb2.RBAC(action=rbac_pb2.RBAC.ALLOW))


def allowing(
    allowed: Allowed, revoked: Mapping[TrustDomain, tuple[str, ...]] = _NONE, *, shadow: Allowed = ()
) -> Any:
    """The rule of one resource: each listed identity as far as its policies go, everybody else denied.

    ``revoked`` are serial numbers of certificates that do not count, by the organisation that issued them.
    ``shadow`` is evaluated beside the rule: its verdict is written into the log, and decides nothing.
    """
    if not allowed and not shadow:
        raise ValueError("expected at least one identity: an empty rule would not deny")
    # A shadow alone would leave nothing to enforce: without a matcher, the rules that deny everything.
    enforced = (
        delimited(RBAC_MATCHER, _matcher(allowed, revoked)) if allowed else delimited(RBAC_RULES, _NO_RULES)
    )
    watched = delimited(RBAC_SHADOW_MATCHER, _matcher(shadow, revoked)) if shadow else b""
    return Any(type_url=_RULE, value=delimited(PER_ROUTE_RBAC, enforced + watched))


def _matcher(allowed: Allowed, revoked: Mapping[TrustDomain, tuple[str, ...]]) -> bytes:
    """A partner may have thousands of identities, whose verdicts are all alike.

    So the entries are put together from parts that were serialised once.
    """

    def serials(identity: SpiffeId) -> tuple[str, ...]:
        return revoked.get(identity.trust_domain, ()) if revoked else ()

    entries = b"".join(
        delimited(MAP_ENTRIES, delimited(_KEY, identity.encode()) + _verdict(policies, serials(identity)))
        for identity, policies in allowed
    )
    tree = delimited(TREE_INPUT, _URI_SAN) + delimited(TREE_EXACT_MAP, entries)
    return delimited(MATCHER_TREE, tree) + delimited(MATCHER_ON_NO_MATCH, _DENY_DEFAULT)


@lru_cache(maxsize=8192)
def _verdict(policies: tuple[Policy, ...], revoked: tuple[str, ...]) -> bytes:
    """The value of a map's entry."""
    decision = _decision(policies)
    return delimited(_VALUE, serialised(_unless(revoked, decision) if revoked else decision))


def _unless(serials: tuple[str, ...], decision: _OnMatch) -> _OnMatch:
    """Deny requests over these certificates, and leave all others to ``decision``."""
    source = http_inputs_pb2.HttpRequestHeaderMatchInput(header_name=SERIAL_HEADER)
    matcher = _Matcher(on_no_match=decision)
    matcher.matcher_tree.input.CopyFrom(_extension(SERIAL_HEADER, source))
    for serial in serials:
        entry = matcher.matcher_tree.exact_match_map.map[serial]
        entry.CopyFrom(_decide(DENY_CERTIFICATE, rbac_pb2.RBAC.DENY))
    return _OnMatch(matcher=matcher)


def _decision(policies: tuple[Policy, ...]) -> _OnMatch:
    """A grant of everything decides at once; else the first capability that fits."""
    for policy in policies:
        if not policy.capabilities:
            return _decide(policy.id, rbac_pb2.RBAC.ALLOW)
    matcher = _Matcher(on_no_match=_decide(DENY_CAPABILITY, rbac_pb2.RBAC.DENY))
    for policy in policies:
        for capability in policy.capabilities:
            decision = _decide(policy.id, rbac_pb2.RBAC.ALLOW)
            predicate = _fits(capability)
            if predicate is None:
                return decision
            matcher.matcher_list.matchers.add(predicate=predicate, on_match=decision)
    return _OnMatch(matcher=matcher)


def _decide(policy_id: str, action: rbac_pb2.RBAC.Action) -> _OnMatch:
    return _OnMatch(action=_extension("action", rbac_pb2.Action(name=policy_id, action=action)))


def _fits(capability: Capability) -> _Predicate | None:
    """None when it fits every request."""
    wanted = []
    if capability.methods:
        methods = (string_pb2.StringMatcher(exact=method) for method in capability.methods)
        wanted.append(_any_of([_header(":method", method) for method in methods]))
    if capability.path != "/":
        wanted.extend(_below(capability.path))
    if capability.tools:
        wanted.append(_session_with(capability.tools))
    if not wanted:
        return None
    return (
        wanted[0] if len(wanted) == 1 else _Predicate(and_matcher=_Predicate.PredicateList(predicate=wanted))
    )


def _below(path: str) -> list[_Predicate]:
    """At ``path`` and below it. Envoy's ``:path`` is normalised by now, and ends with the query.

    Some services cut ``;parameters`` from a segment and then walk up at ``..``; Envoy does not, so such a
    path is not taken for one below.
    """
    forms = (
        [string_pb2.StringMatcher(prefix=path)]
        if path.endswith("/")
        else [
            string_pb2.StringMatcher(exact=path),
            string_pb2.StringMatcher(prefix=f"{path}/"),
            string_pb2.StringMatcher(prefix=f"{path}?"),
        ]
    )
    climbing = _header(":path", string_pb2.StringMatcher(contains="..;"))
    return [_any_of([_header(":path", form) for form in forms]), _Predicate(not_matcher=climbing)]


def _session_with(tools: Sequence[str]) -> _Predicate:
    """Calls of these tools, and what a session is made of: its methods, its stream, and its end.

    The MCP filter stands before: of the requests that are no messages, it lets only GET for a stream and
    DELETE pass.
    """
    events = string_pb2.StringMatcher(contains="text/event-stream", ignore_case=True)
    stream = [_header(":method", string_pb2.StringMatcher(exact="GET")), _header("accept", events)]
    return _any_of(
        [
            mcp.calls(tools),
            *(mcp.says(method) for method in BASE_METHODS),
            _Predicate(and_matcher=_Predicate.PredicateList(predicate=stream)),
            _header(":method", string_pb2.StringMatcher(exact="DELETE")),
        ]
    )


def _any_of(predicates: list[_Predicate]) -> _Predicate:
    if len(predicates) == 1:
        return predicates[0]
    return _Predicate(or_matcher=_Predicate.PredicateList(predicate=predicates))


def _header(name: str, value: string_pb2.StringMatcher) -> _Predicate:
    source = _extension(name, http_inputs_pb2.HttpRequestHeaderMatchInput(header_name=name))
    return _Predicate(single_predicate=_Predicate.SinglePredicate(input=source, value_match=value))


def _extension(name: str, message: Message) -> extension_pb2.TypedExtensionConfig:
    return extension_pb2.TypedExtensionConfig(name=name, typed_config=packed(message))


_RULE = f"type.googleapis.com/{filter_pb2.RBACPerRoute.DESCRIPTOR.full_name}"
_URI_SAN = serialised(_extension("uri", ssl_inputs_pb2.UriSanInput()))
_NO_RULES = serialised(deny_all().rules)
_DENY_DEFAULT = serialised(_decide(DENY_DEFAULT, rbac_pb2.RBAC.DENY))
