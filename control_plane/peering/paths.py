"""Where the peering endpoint answers, and in which types."""

from control_plane.model.peering import BUNDLE_PATH

__all__ = [
    "AUDIT",
    "AUDIT_HEADS",
    "BUNDLE_PATH",
    "CHALLENGES",
    "HEARTBEATS",
    "JOINS",
    "JOSE",
    "JSON",
    "WELL_KNOWN_BUNDLE",
]

CHALLENGES = "/peering/v1/challenges"
JOINS = "/peering/v1/joins"
HEARTBEATS = "/peering/v1/heartbeats"
AUDIT = "/peering/v1/audit"
AUDIT_HEADS = "/peering/v1/audit/heads"
WELL_KNOWN_BUNDLE = "/.well-known/spiffe-bundle"
JOSE = "application/jose"
JSON = "application/json"
