"""A path from a leaf to a trust anchor at a given time: built by libraries, never by us.

cryptography's verifier comes first. It does not support name constraints on URIs and directory names, and it
counts self-issued certificates where RFC 5280 does not: a chain with any of these is given to OpenSSL. What
neither looks at (strength of every key, serial numbers, usages of the leaf) are steps of our own on the path
that was found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from OpenSSL import crypto

from control_plane.pki.certificate import extension
from control_plane.pki.explain import explain
from control_plane.pki.refusal import Refusal, RefusedError

Path = tuple[x509.Certificate, ...]
"""Leaf first, trust anchor last."""

MAX_INTERMEDIATES = 4  # between leaf and anchor


class Purpose(StrEnum):
    """Which end of a connection the leaf's owner is."""

    CLIENT = "client"
    SERVER = "server"


USAGES = {Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH, Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a chain, beside its names."""

    purpose: Purpose
    now: datetime
    max_intermediates: int = MAX_INTERMEDIATES


def find_path(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], question: Question
) -> Path:
    """Build a path from ``chain`` (leaf first) to one of ``anchors``, or raise RefusedError."""
    try:
        return _build(chain, anchors, question)
    except (VerificationError, crypto.X509StoreContextError, crypto.Error) as error:
        raise explain(chain, anchors, question.now, str(error)) from error


def _build(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], question: Question
) -> Path:
    if any(_constrains_beyond_the_library(certificate) for certificate in (*chain[1:], *anchors)):
        return openssl_path(chain, anchors, question)
    try:
        return library_path(chain, anchors, question)
    except VerificationError:
        if any(_self_issued(certificate) for certificate in chain[1:]):
            return openssl_path(chain, anchors, question)
        raise


def library_path(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], question: Question
) -> Path:
    """Let cryptography build the path, by its rules for client certificates, with our own about usages."""
    builder = PolicyBuilder().store(Store(list(anchors))).time(question.now)
    builder = builder.max_chain_depth(question.max_intermediates)
    builder = builder.extension_policies(ca_policy=_AUTHORITIES[question.purpose], ee_policy=_LEAVES)
    return tuple(builder.build_client_verifier().verify(chain[0], list(chain[1:])).chain)


def openssl_path(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], question: Question
) -> Path:
    """Let OpenSSL build the path, as strictly as it can; an anchor need not be self-signed."""
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.X509_STRICT | crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(question.now.astimezone(UTC))  # it reads the digits and takes them for UTC
    for anchor in anchors:
        store.add_cert(crypto.X509.from_cryptography(anchor))
    leaf, *given = (crypto.X509.from_cryptography(certificate) for certificate in chain)
    found = crypto.X509StoreContext(store, leaf, given).get_verified_chain()
    path = tuple(certificate.to_cryptography() for certificate in found)
    if extension(path[0], x509.NameConstraints) is not None:  # RFC 5280, 4.2.1.10: in authorities only
        raise RefusedError(Refusal.BROKEN_PATH, "expected a leaf without name constraints, got one with")
    for authority in path[1:]:
        _check_authority(authority, question.purpose)
    counted = sum(not _self_issued(certificate) for certificate in path[1:-1])
    if counted > question.max_intermediates:
        raise RefusedError(
            Refusal.CHAIN_TOO_LONG,
            f"expected at most {question.max_intermediates} intermediates, got {counted}",
        )
    return path


def _check_authority(authority: x509.Certificate, purpose: Purpose) -> None:
    """Ask of OpenSSL's path what our policies ask of the library's."""
    if extension(authority, x509.PolicyConstraints) is not None:
        raise RefusedError(
            Refusal.BROKEN_PATH, "expected authorities without policy constraints, got one with"
        )
    usages = extension(authority, x509.ExtendedKeyUsage)
    if usages is not None and not allows(usages, purpose):
        raise RefusedError(
            Refusal.BAD_EXTENDED_KEY_USAGE, f"an authority on the path does not certify for {purpose}s"
        )


def allows(usages: x509.ExtendedKeyUsage, purpose: Purpose) -> bool:
    """Whether an authority with these usages may certify for ``purpose``."""
    return USAGES[purpose] in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def _self_issued(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _constrains_beyond_the_library(authority: x509.Certificate) -> bool:
    constraints = extension(authority, x509.NameConstraints)
    if constraints is None:
        return False
    names = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    return any(isinstance(name, x509.UniformResourceIdentifier | x509.DirectoryName) for name in names)


def _may_certify(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    """RFC 5280, 6.1.4 (n): where there is a key usage, it must let an authority sign certificates."""
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority's key usage does not let it sign certificates")


def _certifies_for(
    purpose: Purpose,
) -> Callable[[Policy, x509.Certificate, x509.ExtendedKeyUsage | None], None]:
    def check(_policy: Policy, _certificate: x509.Certificate, usages: x509.ExtendedKeyUsage | None) -> None:
        if usages is not None and not allows(usages, purpose):
            raise ValueError(f"an authority's extended key usage does not let it certify for {purpose}s")

    return check


def _authorities(purpose: Purpose) -> ExtensionPolicy:
    return (
        ExtensionPolicy.webpki_defaults_ca()
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_certify)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _certifies_for(purpose))
        .require_not_present(
            x509.PolicyConstraints
        )  # the library does not apply them, so they must not be there
    )


_AUTHORITIES = {purpose: _authorities(purpose) for purpose in Purpose}
# The library's own rule asks for client authentication; profile.check_leaf asks by purpose.
_LEAVES = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None
)
