"""Who is at the other end: a chain of certificates becomes an identity, or is refused with a reason.

X509-SVID over RFC 5280. The trust domain that the leaf names decides which anchors may vouch for it: there is
no flat list of anchors anywhere, so that no organisation can speak for another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509

from control_plane.model.bundle import Bundle
from control_plane.model.crl import CrlPolicy
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.pki.bundle import check_anchor
from control_plane.pki.certificate import MAX_CHAIN, load_certificate
from control_plane.pki.crl import check_revocation, load_crl
from control_plane.pki.path import MAX_INTERMEDIATES, Path, Purpose, Question, find_path
from control_plane.pki.profile import check_authorities, check_leaf, check_strength
from control_plane.pki.refusal import Refusal, RefusedError
from control_plane.pki.spiffe import check_authority_names, check_uri_constraints, identity_of

MAX_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Anchors:
    """A bundle as it is verified against: read once, when it is taken into a trust store."""

    organisation: TrustDomain
    certificates: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    crl_policy: CrlPolicy = CrlPolicy()  # noqa: RUF009 - frozen

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Read a bundle; InvalidValueError when it holds anything but its organisation's own authorities."""
        certificates = tuple(load_certificate(anchor) for anchor in bundle.anchors)
        for certificate in certificates:
            check_anchor(certificate, bundle.organisation)
        lists = tuple(load_crl(crl) for crl in bundle.crls)
        return cls(bundle.organisation, certificates, lists, bundle.crl_policy)


TrustStore = Mapping[TrustDomain, Anchors]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The policy of this deployment. Each is a setting."""

    max_lifetime: timedelta = MAX_LIFETIME
    max_intermediates: int = MAX_INTERMEDIATES


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whose chain was believed. ``path`` is leaf first, anchor last."""

    spiffe_id: SpiffeId
    path: Path

    @property
    def expires(self) -> datetime:
        """When the first certificate of the path ends."""
        return min(certificate.not_valid_after_utc for certificate in self.path)


def authenticate(
    chain: Sequence[x509.Certificate],
    purpose: Purpose,
    *,
    now: datetime,
    store: TrustStore,
    rules: Rules = DEFAULT_RULES,
) -> Identity:
    """Verify ``chain`` (leaf first, of ``load_chain``) as the ``purpose`` end of a connection at ``now``.

    Raises RefusedError.
    """
    # 1. There is a leaf, and not more beside it than we are ready to look at.
    if not chain:
        raise RefusedError(Refusal.NOT_A_CERTIFICATE, "expected a certificate, got none")
    if len(chain) > MAX_CHAIN:
        raise RefusedError(
            Refusal.CHAIN_TOO_LONG, f"expected at most {MAX_CHAIN} certificates, got {len(chain)}"
        )
    # 2. It names exactly one identity, and that is a SPIFFE id with a path (X509-SVID 2).
    spiffe_id = identity_of(chain[0])
    # 3. The identity's trust domain, and nothing else, decides the anchors.
    anchors = _anchors_of(spiffe_id.trust_domain, store)
    # 4. It is the certificate of a workload, for this end of a connection, and short-lived (X509-SVID 4, 5).
    check_leaf(chain[0], purpose, max_lifetime=rules.max_lifetime)
    # 5. A path leads to one of these anchors, now (RFC 5280, 6.1), all of it strong.
    question = Question(purpose, now, rules.max_intermediates)
    path = verify_path(chain, anchors.certificates, question)
    # 6. Every authority on it says that it certifies, and is called by no other trust domain (X509-SVID 4.3).
    check_authorities(path)
    check_authority_names(path, anchors.organisation)
    # 7. Nothing on it is revoked, as far as its organisation says and our policy for it asks (RFC 5280, 6.3).
    check_revocation(path, anchors.crls, now=now, policy=anchors.crl_policy)
    return Identity(spiffe_id, path)


def verify_path(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], question: Question
) -> Path:
    """Step 5: a path to given anchors at a given time. No identity follows from it alone."""
    # 5a. Signatures, names, validity, basic constraints, path length, name constraints, critical extensions.
    path = find_path(chain, anchors, question)
    # 5b. Keys, signature algorithms and serial numbers of every certificate on it.
    check_strength(path)
    # 5c. URI name constraints once more, by our own reading: identities are URIs.
    check_uri_constraints(path)
    return path


def _anchors_of(domain: TrustDomain, store: TrustStore) -> Anchors:
    anchors = store.get(domain)
    if anchors is None or anchors.organisation != domain:
        raise RefusedError(
            Refusal.UNKNOWN_TRUST_DOMAIN, f"we hold no bundle of {domain}: an agreement with it comes first"
        )
    if not anchors.certificates:
        raise RefusedError(
            Refusal.TRUST_WITHDRAWN, f"the bundle of {domain} is empty: its trust was withdrawn"
        )
    return anchors


def verify_chain(chain: Sequence[x509.Certificate], bundle: Bundle, *, now: datetime) -> SpiffeId:
    """The identity that ``chain`` proves to be one of ``bundle``'s organisation, for signed messages."""
    anchors = Anchors.of(bundle)
    return authenticate(chain, Purpose.CLIENT, now=now, store={bundle.organisation: anchors}).spiffe_id
