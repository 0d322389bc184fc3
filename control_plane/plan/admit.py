"""Whether a node may be reached and may reach us: discovered or registered is not yet admitted."""

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Node
from control_plane.model.problem import Problem

_CLOSED = {
    AgreementState.UNTRUSTED: (
        "agreement_untrusted",
        "is not trusted",
        "invite the partner, or trust it",
    ),
    AgreementState.PENDING: (
        "agreement_pending",
        "waits for approval",
        "compare fingerprints, then approve it",
    ),
    AgreementState.REVOKED: (
        "agreement_revoked",
        "was revoked",
        "if it was a mistake: proxenia agreement set <partner> --state trusted",
    ),
}


def admit(node: Node, agreement: Agreement | None, bundle: Bundle | None) -> Problem | None:
    """None when ``node`` is admitted, else why it is not; the operator's own switch is named first."""
    subject = f"node {node.key}"
    if not node.enabled:
        return Problem(subject, "node_disabled", "the node is disabled", "enable it to let traffic through")
    if agreement is not None and node.spiffe_id in agreement.revoked_identities:
        detail = f"its identity {node.spiffe_id} was revoked"
        return Problem(subject, "identity_revoked", detail, "give the node another identity, or reinstate it")
    closed = closed_because(node.organisation, agreement, bundle)
    return Problem(subject, closed.code, closed.detail, closed.hint) if closed else None


def closed_because(
    organisation: TrustDomain, agreement: Agreement | None, bundle: Bundle | None
) -> Problem | None:
    """None when ``organisation`` is open: trusted, not paused, and its anchors are known."""
    subject = f"organisation {organisation}"
    if agreement is None:
        return Problem(
            subject,
            "agreement_missing",
            f"there is no agreement with {organisation}",
            "invite the partner, or add an agreement",
        )
    if agreement.state is not AgreementState.TRUSTED:
        code, words, hint = _CLOSED[agreement.state]
        return Problem(subject, code, f"the agreement with {organisation} {words}", hint)
    if agreement.paused:
        return Problem(
            subject, "agreement_paused", f"the agreement with {organisation} is paused", "resume it"
        )
    return _without_anchors(subject, organisation, bundle)


def _without_anchors(subject: str, organisation: TrustDomain, bundle: Bundle | None) -> Problem | None:
    if bundle is None:
        return Problem(
            subject,
            "bundle_missing",
            f"the trust anchors of {organisation} are not known",
            "add the partner's bundle",
        )
    if not bundle.anchors:  # SPIFFE trust domain and bundle, 4.1: an empty bundle takes the trust back
        return Problem(
            subject,
            "bundle_empty",
            f"the bundle of {organisation} is empty: the partner withdrew its trust anchors",
            "ask the partner, then add its new bundle",
        )
    return None
