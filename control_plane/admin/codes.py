"""Every code that the API answers an error with: its status, its title, and the next step.

Codes are part of the API: they may be added, never renamed. The rules of the model raise theirs by name.
"""

from dataclasses import dataclass

from control_plane.admin.peer_codes import FAMILIES


@dataclass(frozen=True, slots=True)
class Code:
    """How one kind of error is answered. ``hint`` is the next step."""

    status: int
    title: str
    hint: str


_SYNTAX = "send one JSON document as RFC 8259 describes it, in UTF-8"
_VALUE = "correct the field and send the request again"
_READ_AGAIN = "read the object again and repeat the change on what it is now"
_LATER = "try again in a few seconds; `proxenia status` says what is wrong"
_BUNDLE = "send the partner's CA certificates as PEM; on its side `proxenia bundle own` prints them"
_LISTS = "send the partner's whole, direct lists (CRLs) as PEM"
_IDENTITY = "names are compared byte by byte: copy them exactly as the partner's operator gives them"

REQUEST: dict[str, Code] = {
    "malformed_json": Code(400, "The body is not JSON", _SYNTAX),
    "duplicate_key": Code(400, "A JSON object names a key twice", "keep one of the two"),
    "bad_number": Code(400, "A number is not a finite one of ordinary size", "NaN and Infinity are not JSON"),
    "too_deep": Code(400, "The JSON is nested too deeply", "no document of this API is deeper than 5"),
    "unknown_parameter": Code(400, "The query has a parameter that means nothing here", "remove it"),
    "bad_parameter": Code(400, "A query parameter has a bad value", "correct the parameter"),
    "bad_key": Code(400, "The Idempotency-Key has the wrong form", "send a fresh UUID for each new request"),
    "bad_request": Code(400, "The request is not HTTP as it should be", "use an HTTP client library"),
    "not_authenticated": Code(
        401, "A token is needed", "send `Authorization: Bearer <token>`; `proxenia token new` makes one"
    ),
    "not_permitted": Code(403, "The token's role may not do this", "use a token of a higher role"),
    "cross_origin": Code(403, "Requests of web pages are refused", "call the API from a program"),
    "not_found": Code(404, "There is no such thing", "list what exists, e.g. with `proxenia node list`"),
    "method_not_allowed": Code(405, "This path does not take that method", "see the Allow header"),
    "body_too_slow": Code(408, "The body did not arrive in time", "send it faster, or in smaller parts"),
    "already_exists": Code(409, "It exists already", "change the one that exists, or choose another name"),
    "changed_meanwhile": Code(409, "Somebody else changed it at the same time", _READ_AGAIN),
    "tokens_unusable": Code(
        409,
        "The file of tokens cannot be used",
        "see `detail`; `proxenia token list` on the machine says it too",
    ),
    "key_in_use": Code(
        409, "The first request with this key is being worked on", "try again in a second, with the same key"
    ),
    "key_unfinished": Code(
        409,
        "A request with this key began, and what became of it is not known",
        "read the object; if nothing was done, send it again with another key",
    ),
    "answer_not_kept": Code(
        409, "It was done before, and its answer is told only once", "make another one if that is lost"
    ),
    "dashboard_off": Code(
        409,
        "Browsers do not reach the dashboard",
        "start the control plane with --admin-listen 127.0.0.1:<port>",
    ),
    "log_off": Code(409, "The audit is not kept as a log here", "start the whole control plane"),
    "peering_off": Code(
        409, "This control plane does not speak with partners", "start it with --peering-listen"
    ),
    "discovered_node": Code(
        409,
        "Only sources speak of this node",
        "add it with `proxenia node add` to say something about it yourself; `node drain` works without",
    ),
    "discovery_off": Code(409, "This control plane does not look for nodes", "see its settings"),
    "still_referenced": Code(409, "Something else still names it", "remove what names it first"),
    "no_gateway": Code(
        409, "No gateway is connected", "start one with `proxenia gateway run` (`proxenia up` does)"
    ),
    "bad_transition": Code(
        409, "The agreement is not in a state that allows this", "set the state with PUT if you mean it"
    ),
    "rotation_in_progress": Code(
        409, "The anchors are being changed already", "`proxenia cert rotation show` says how far it is"
    ),
    "no_rotation": Code(
        409, "The anchors are not being changed", "start with `proxenia cert rotation start`"
    ),
    "not_waited_for": Code(
        409, "The present step does not wait for that", "`proxenia cert rotation show` says what it waits for"
    ),
    "anchors_handed_in": Code(
        409, "Our anchors come from elsewhere", "put the new root beside the old one into bundle.pem"
    ),
    "precondition_failed": Code(412, "It is not at the revision that If-Match names", _READ_AGAIN),
    "body_too_large": Code(413, "The body is too large", "split it"),
    "bad_content_type": Code(415, "The body is of a type that is not taken here", "set Content-Type"),
    "bad_content_encoding": Code(415, "Compressed bodies are not taken", "send the body as it is"),
    "too_many_attempts": Code(
        429, "There were too many failed attempts from this address", "wait as Retry-After says"
    ),
    "wrong_host": Code(421, "This server does not answer to that name", "use http://127.0.0.1:<port>"),
    "internal_error": Code(500, "Something is wrong inside Proxenia", "see its log, by x-request-id"),
    "unavailable": Code(503, "Something that Proxenia needs does not answer; nothing was changed", _LATER),
    "made_but_unread": Code(
        503, "The change was made, but cannot be shown", "read it; do not repeat the change"
    ),
    "no_answer": Code(
        502, "Nothing answered the request that was sent", "`proxenia explain NAME` says what stops it"
    ),
    "outcome_unknown": Code(
        503, "No answer in time: the change was made or not", "read the object before you try again"
    ),
    "unreadable_object": Code(
        500, "A stored object does not fit this version", "write it again, or remove it"
    ),
}

RULES: dict[str, Code] = {
    "invalid_body": Code(422, "Several things in the body are wrong", "see `errors`"),
    "key_reused": Code(422, "The Idempotency-Key was used for another request", "use a fresh key"),
    "invalid_value": Code(422, "A value breaks a rule", _VALUE),
    "unknown_field": Code(422, "A field means nothing here", "check its spelling, or remove it"),
    "missing_field": Code(422, "A field is missing", "add it"),
    "wrong_type": Code(422, "A value is of the wrong JSON type", _VALUE),
    "unknown_source": Code(
        422, "No source is called so", "`proxenia discover --sources` lists those that there are"
    ),
    "bad_choice": Code(422, "A value is not one of those possible", _VALUE),
    "empty_bulk": Code(422, "There is no line in the body", "send one JSON object a line"),
    "duplicate_line": Code(422, "Two lines are about the same object", "keep one of them"),
    "declared_twice": Code(422, "Two entries are about the same object", "keep one of them"),
    "line_too_long": Code(422, "A line is longer than any object can be", "send one JSON object a line"),
    "too_many_lines": Code(422, "There are more lines than one request may have", "split the file"),
    "own_organisation": Code(422, "This is your own organisation", "name the partner's organisation"),
    "own_node": Code(
        422, "Nodes of your own organisation are its gateways", "start one with `proxenia gateway run`"
    ),
    "unknown_node": Code(422, "A resource names a node that does not exist", "add the node first"),
    "unknown_resource": Code(422, "A grant names a resource that you do not have", "add the resource first"),
    "unknown_member": Code(
        422, "A group's member offers no resource of that name", "add the member's resource first"
    ),
    "foreign_group": Code(422, "A group has a name of your own organisation", "name it <name>@<yours>"),
    "resource_without_nodes": Code(
        422, "Nobody would serve the resource", "add a node (a partner's) or an upstream (your own) first"
    ),
    "foreign_upstreams": Code(422, "Only your own resources have upstreams", "name nodes instead"),
    "no_bundle": Code(422, "A partner cannot be trusted without trust anchors", "send its `bundle`"),
}

VALUES: dict[str, Code] = {
    "bad_text": Code(422, "A text is too long or not printable", _VALUE),
    "bad_id": Code(422, "An id has the wrong form", _VALUE),
    "bad_trust_domain": Code(422, "An organisation's name has the wrong form", _IDENTITY),
    "bad_spiffe_id": Code(422, "A SPIFFE id has the wrong form", _IDENTITY),
    "bad_resource_name": Code(422, "A resource's name has the wrong form", _VALUE),
    "foreign_identity": Code(422, "An organisation speaks only for its own trust domain", _IDENTITY),
    "bad_address": Code(422, "An address is not an IP address", "resolve the name, and send the address"),
    "bad_port": Code(422, "A port is out of range", _VALUE),
    "bad_priority": Code(422, "A priority is out of range", _VALUE),
    "bad_weight": Code(422, "A weight is out of range", _VALUE),
    "bad_endpoints": Code(422, "The endpoints are too few, too many, or the same", _VALUE),
    "bad_metadata": Code(422, "There are too many metadata entries", _VALUE),
    "bad_rate_limit": Code(422, "A rate limit is out of range", _VALUE),
    "bad_method": Code(422, "An HTTP method has the wrong form", _VALUE),
    "bad_path": Code(422, "A path has the wrong form", _VALUE),
    "bad_members": Code(422, "A group's members have the wrong form", _VALUE),
    "bad_timeout": Code(422, "A time-out is out of range", _VALUE),
    "bad_preferred": Code(422, "The preferred node is none of the resource's", _VALUE),
    "bad_steering": Code(422, "A decision about a node has a value out of range", _VALUE),
    "bad_interval": Code(422, "An interval has no beginning before its end", _VALUE),
    "bad_nodes": Code(422, "A node is named twice", _VALUE),
    "bad_serial": Code(422, "A serial number has the wrong form", "copy it from an audit event"),
    "too_many_revoked": Code(422, "Too much is revoked one by one", "revoke the organisation"),
    "bad_sequence": Code(422, "A sequence number is negative", _VALUE),
    "bad_token_terms": Code(422, "A token cannot be made so", "see `detail`"),
    "bad_request_sent": Code(422, "A request to be sent has a part that cannot be", "see `detail`"),
    "bad_window": Code(422, "A weekly window has the wrong form", _VALUE),
    "bad_time": Code(422, "A time has the wrong form", "give it with its zone, begin before end"),
    "bad_approval": Code(422, "Not the approval that the grant waits for", "see the grant's conditions"),
    "too_much_at_once": Code(422, "Too much would change at once", "restore a later revision first"),
    "bad_tool": Code(422, "Not a tool's name", "use letters, digits, '_', '.', ':', '/' and '-'"),
    "too_many_tools": Code(422, "There are too many tools", "split the grant"),
    "too_many_capabilities": Code(422, "There are too many capabilities", "split the grant"),
    "too_many_nodes": Code(422, "There are too many upstreams or nodes", "split the resource"),
    "nodes_and_upstreams": Code(422, "A resource has nodes or upstreams, never both", _VALUE),
    "empty_bundle": Code(422, "The bundle holds no certificate", _BUNDLE),
    "bundle_too_large": Code(422, "The bundle is too large", _BUNDLE),
    "too_many_anchors": Code(422, "The bundle holds too many certificates", _BUNDLE),
    "not_a_certificate": Code(422, "The bundle is not made of certificates", _BUNDLE),
    "private_key_in_bundle": Code(
        422, "The bundle holds a private key", "send certificates only, and replace that key: it is disclosed"
    ),
    "not_a_ca": Code(422, "A certificate of the bundle is not a CA's", _BUNDLE),
    "weak_key": Code(
        422, "A CA's key is too weak", "ask the partner for a CA with a P-256 key or a longer one"
    ),
    "weak_signature": Code(
        422, "A CA signs with an algorithm that is too weak", "ask the partner for a CA that uses SHA-256"
    ),
    "foreign_anchor": Code(422, "A CA belongs to another organisation", _BUNDLE),
    "bad_crl": Code(422, "A revocation list is not as it should be", _LISTS),
    "too_many_crls": Code(422, "There are too many revocation lists", "send one of each authority"),
    "foreign_crl": Code(422, "A revocation list was not signed by the authority that it names", _LISTS),
    "duplicate_crl": Code(422, "Two revocation lists are of one authority", "send the newer of the two"),
    "crl_rollback": Code(
        409, "A revocation list is older than the one that we hold", "remove that one first if you mean it"
    ),
    "bad_grace": Code(422, "The grace of old revocation lists is out of range", _VALUE),
    "duplicate_anchor": Code(422, "The bundle holds a certificate twice", _BUNDLE),
}

PEERS: dict[str, Code] = {name: Code(kind.status, kind.title, kind.hint) for name, kind in FAMILIES.items()}

CODES: dict[str, Code] = PEERS | REQUEST | RULES | VALUES


def code_of(name: str) -> Code:
    """What is known of a code; one that a lower layer made up is answered as an invalid value."""
    return CODES.get(name, CODES["invalid_value"])
