"""What can be done about a record that is refused, by the code of the refusal."""

from collections.abc import Mapping

PUBLISHER = "ask whoever publishes the record to correct it"
_WHO = "find out who publishes this"
_SETTING = "correct the file that the setting names"
_FILE = "correct the file at the line that is named"

HINTS: Mapping[str, str] = {
    "forbidden_address": "if the node really is there, add its network to partner_networks",
    "own_domain": "only our own gateways speak for us: find out who publishes this",
    "ourselves": "",
    "lookalike_domain": "if it is a real organisation, add an agreement with it: what you named is known",
    "mixed_script": _WHO,
    "foreign_identity": f"{_WHO}: an organisation speaks only for its own trust domain",
}
# Of what is told in other places, without a next step of its own.
ELSEWHERE: Mapping[str, str] = {
    "ourselves": "nothing: it is as it should be",
    "encrypted_key": "give consul_key_file a key without a passphrase, of mode 0600",
    "unreadable_file": _SETTING,
    "unsafe_file": _SETTING,
    "unsafe_mode": "chmod 600, and replace what was in it if others could read it",
    "unsafe_owner": "chown it to the user that the control plane runs as",
    "unknown_field": _FILE,
    "wrong_type": _FILE,
    "more_refused": "correct those that are named first; the others are named then",
    "unreadable_record": "correct the service's registration in Consul",
}


def hint_for(code: str) -> str:
    """The next step of a refused record."""
    return HINTS.get(code, PUBLISHER)
