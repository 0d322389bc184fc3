"""Every command that asks a control plane or a file, as a test types it; and where the others are tested.

``{n}`` is another number at each run, ``{dir}`` a directory of the test's own, OWN and PARTNER organisations.
"""

from dataclasses import dataclass

from tests.unit.admin.world import OWN, PARTNER

_OFFER = "resource add s{n}@OWN --upstream 192.0.2.9:8080"
_GRANT = "grant add s{n} PARTNER --id g{n} --approval ok"
_NODE = "node add n{n}@PARTNER --endpoint 192.0.2.1:8443"
_USE = "resource add u{n}@PARTNER"
_PENDING = "agreement add o{n}.example --bundle {dir}/anchor.pem"
_TRUSTED = "agreement set o{n}.example --state trusted --bundle {dir}/anchor.pem"
_TOKEN = "token new t{n}"  # noqa: S105 - a command
_GROUP = "group add u{n}@OWN PARTNER"


@dataclass(frozen=True)
class Case:
    """``says`` is in the table, ``has`` a field of the document, ``code`` how it ends; ``before`` runs first.

    ``database``: it ends with 1 when that is away. ``server``: it needs a control plane at all.
    """

    words: str
    says: str = ""
    has: str = ""
    code: int = 0
    before: tuple[str, ...] = ()
    database: bool = True
    server: bool = True
    happens: bool = False  # something must happen meanwhile

    def typed(self, n: int, directory: str) -> list[list[str]]:
        """All that is typed, the command itself last."""
        lines = (*self.before, self.words)
        named = {"n": str(n), "dir": directory}
        return [
            line.format(**named).replace("OWN", OWN).replace("PARTNER", PARTNER).split() for line in lines
        ]


CASES: dict[str, Case] = {
    "agreement add": Case("agreement add o{n}.example", "is pending", "state"),
    "agreement approve": Case("agreement approve o{n}.example", "is trusted", "state", before=(_PENDING,)),
    "agreement list": Case("agreement list", "ORGANISATION", "items"),
    "agreement pause": Case("agreement pause o{n}.example", "paused", "paused", before=(_TRUSTED,)),
    "agreement reinstate-certificate": Case(
        "agreement reinstate-certificate o{n}.example 0a",
        "counts again",
        before=(_TRUSTED, "agreement revoke-certificate o{n}.example 0a"),
    ),
    "agreement resume": Case(
        "agreement resume o{n}.example", "is trusted", before=(_TRUSTED, "agreement pause o{n}.example")
    ),
    "agreement revoke": Case("agreement revoke o{n}.example", "is revoked", "state", before=(_TRUSTED,)),
    "agreement revoke-certificate": Case(
        "agreement revoke-certificate o{n}.example 0a", "is revoked", before=(_TRUSTED,)
    ),
    "agreement set": Case("agreement set o{n}.example --state pending", "is pending", "state"),
    "agreement show": Case("agreement show PARTNER", "trusted", "organisation"),
    "apply": Case("apply -f {dir}/declared.yaml --dry-run", "would change", "changes"),
    "audit accept-log": Case("audit accept-log PARTNER", "begins anew", "accepted"),
    "audit heads": Case("audit heads", "WITNESSED BY", "items"),
    "audit list": Case("audit list", "CORRELATION ID", "items"),
    "audit reconcile": Case("audit reconcile PARTNER", "agree: ", "agrees"),
    "audit reconciliations": Case("audit reconciliations", "AUDITS", "items"),
    "audit statistics": Case("audit statistics", "requests", "requests"),
    "audit tail": Case("audit tail --count 1", "operator_action", "event_id", happens=True),
    "audit verify": Case("audit verify", "good: ", "verified"),
    "authorize": Case("authorize spiffe://PARTNER/x s@OWN", "denied", "decision", code=1, database=False),
    "bugreport": Case("bugreport {dir}/report-{n}", "read it", "parts", database=False, server=False),
    "bundle approve": Case("bundle approve PARTNER", "is number", "sequence"),
    "bundle crl remove": Case("bundle crl remove PARTNER", "forgotten", "removed"),
    "bundle crl set": Case("bundle crl set PARTNER --policy soft", "policy soft", "mode"),
    "bundle crl show": Case("bundle crl show PARTNER", "revocation lists", "mode"),
    "bundle follow": Case("bundle follow PARTNER https://x.example/b --web", "is fetched", "urls"),
    "bundle list": Case("bundle list", "SUBJECT", "items"),
    "bundle own": Case("bundle own", "BEGIN CERTIFICATE", "anchors", database=False),
    "bundle refresh": Case("bundle refresh PARTNER", "soon", "refresh"),
    "bundle sources": Case("bundle sources", "PROFILE", "items"),
    "cert list": Case("cert list", "ok: ", "verdict"),
    "cert rotation abort": Case("cert rotation abort", "our bundle is", "sequence"),
    "cert rotation confirm": Case("cert rotation confirm PARTNER", "our bundle is", "sequence"),
    "cert rotation show": Case("cert rotation show", "our bundle is", "sequence"),
    "cert rotation start": Case("cert rotation start", "announced", "phase", before=("cert rotation abort",)),
    "check": Case("check", "partners", "groups"),
    "circuit lint": Case("circuit lint", "too many", "settings", code=1, database=False),
    "circuit list": Case("circuit list", "REASON", "items", database=False),
    "circuit open": Case("circuit open n{n}@PARTNER", "is open", before=(_NODE,)),
    "circuit reset": Case("circuit reset n{n}@PARTNER", "is reset", before=(_NODE,)),
    "circuit show": Case("circuit show n{n}@PARTNER", "node", before=(_NODE,)),
    "completion": Case("completion bash", "_PROXENIA_COMPLETE", database=False, server=False),
    "dashboard": Case("dashboard", "http://127.0.0.1", "url", database=False),
    "diff": Case("diff gw-1", "acknowledged 1 of 1", "resources", database=False),
    "discover": Case("discover --timeout 0", "SOURCES", "items"),
    "explain": Case("explain nothing@PARTNER", "unknown_resource", "works", code=1),
    "gateway deliveries": Case("gateway deliveries gw-1", "CLUSTERS", "deliveries"),
    "gateway list": Case("gateway list", "gw-1", "items"),
    "grant add": Case(_GRANT, "grant g{n} added", "id", before=(_OFFER,)),
    "grant approve": Case("grant approve g{n} ok", "is approved", before=(_OFFER, _GRANT)),
    "grant disapprove": Case(
        "grant disapprove g{n} ok", "waits", before=(_OFFER, _GRANT, "grant approve g{n} ok")
    ),
    "grant list": Case("grant list", "SUBJECT", "items"),
    "grant remove": Case("grant remove g{n}", "removed", "removed", before=(_OFFER, _GRANT)),
    "grant shadow": Case("grant shadow g{n}", "since", before=(_OFFER, f"{_GRANT} --shadow")),
    "grant show": Case("grant show g{n}", "subject", "subject", before=(_OFFER, _GRANT)),
    "group add": Case(_GROUP, "added", "host", before=(_NODE, _USE)),
    "group list": Case("group list", "MEMBERS", "items"),
    "group remove": Case("group remove u{n}@OWN", "removed", "removed", before=(_NODE, _USE, _GROUP)),
    "group show": Case("group show u{n}@OWN", "members", "members", before=(_NODE, _USE, _GROUP)),
    "history": Case("history", "REVISION", "items"),
    "invite": Case("invite o{n}.example", "token-1", "token"),
    "join": Case("join token-1", "acorn agent", "words"),
    "node add": Case(_NODE, "added", "node_id"),
    "node drain": Case("node drain n{n}@PARTNER", "is drained", before=(_NODE,)),
    "node edit": Case("node edit n{n}@PARTNER --name x", "changed", "name", before=(_NODE,)),
    "node import": Case("node import {dir}/nodes.jsonl", "1 node loaded", "lines"),
    "node list": Case("node list", "ENDPOINTS", "items"),
    "node reinstate": Case(
        "node reinstate n{n}@PARTNER", "takes part", before=(_NODE, "node revoke n{n}@PARTNER")
    ),
    "node remove": Case("node remove n{n}@PARTNER", "removed", "removed", before=(_NODE,)),
    "node revoke": Case("node revoke n{n}@PARTNER", "is revoked", before=(_NODE,)),
    "node show": Case("node show n{n}@PARTNER", "spiffe_id", "spiffe_id", before=(_NODE,)),
    "node undrain": Case("node undrain n{n}@PARTNER", "takes part", before=(_NODE,)),
    "partner health": Case("partner health --organisation PARTNER", "VERDICT", "items", before=(_NODE,)),
    "partner list": Case("partner list", "alive", "items"),
    "resource add": Case(_OFFER, "added", "host"),
    "resource import": Case("resource import {dir}/resources.jsonl", "1 resource loaded", "lines"),
    "resource list": Case("resource list", "SERVED BY", "items"),
    "resource remove": Case("resource remove s{n}@OWN", "removed", "removed", before=(_OFFER,)),
    "resource routes": Case("resource routes", "WHY NOT", "items"),
    "resource show": Case("resource show s{n}@OWN", "upstreams", "upstreams", before=(_OFFER,)),
    "rollback": Case("rollback 2 --dry-run", "nothing was changed", "objects"),
    "status": Case("status", "ok: ", "verdict"),
    "tail audit": Case("tail audit --count 1", "operator_action", "event_id", happens=True),
    "tail events": Case("tail events --kind health --count 1", "verdict=ok", "event", database=False),
    "tail xds": Case("tail xds --count 1", "acknowledged", "gateway"),
    "token list": Case("token list", "ROLE", "items", database=False),
    "token new": Case(_TOKEN, "proxenia_", "token"),
    "token revoke": Case("token revoke t{n}", before=(_TOKEN,)),
    "token rotate": Case("token rotate t{n}", "proxenia_", "token", before=(_TOKEN,)),
    "trust invitations": Case("trust invitations", "EXPIRES", "items"),
    "trust list": Case("trust list", "THEY", "items"),
    "trust show": Case("trust show PARTNER", "they trust us", "bundle"),
    "trust verify": Case("trust verify {dir}/anchor.pem", "refused: ", "valid", code=1, database=False),
    "trust withdraw": Case("trust withdraw i-1", "is withdrawn", "removed"),
    "validate": Case("validate {dir}/declared.yaml", "valid: ", "faults", database=False, server=False),
    "version": Case("version", "proxenia ", "version", database=False, server=False),
}

# What asks a control plane and is tested elsewhere on a system that works: as typed on one that does not.
TYPED = {"audit export": "audit export {dir}/export-{n}", "invoke": "invoke s@OWN"}

# What runs instead of asking, or works on files alone: the tests that run it.
ELSEWHERE = {
    "audit export": "tests/unit/cli/test_audit_export.py",
    "audit verify-export": "tests/unit/cli/test_audit_export.py",
    "backup": "tests/unit/cli/test_backup.py",
    "restore": "tests/unit/cli/test_backup.py",
    "demo": "tests/e2e/test_demo.py",
    "invoke": "tests/unit/cli/test_remote.py",
    "gateway issue": "tests/e2e/test_remote_gateway.py",
    "gateway run": "tests/unit/cli/test_start.py",
    "serve": "tests/unit/cli/test_start.py",
    "up": "tests/unit/cli/test_start.py",
}
