"""Public conformance suites through our own verification: what must be refused is, what must pass does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.x509.verification import VerificationError
from OpenSSL import crypto

from control_plane.model.crl import CrlPolicy
from control_plane.model.problem import InvalidValueError
from control_plane.pki.crl import check_revocation, load_crl
from control_plane.pki.path import Path, Purpose, Question, find_path, library_path, openssl_path
from control_plane.pki.profile import check_authorities, check_leaf, check_strength
from control_plane.pki.refusal import Refusal
from control_plane.pki.spiffe import check_uri_constraints
from tests.unit.pki.suites import Case, carries, cases, certificate

# The suites hold certificates with serial numbers that are not positive, which the library warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")

# What we refuse although RFC 5280 lets it pass.
STRICTER = {
    "limbo::crl::issuer-no-keyusage-extension": (
        Refusal.BAD_KEY_USAGE,
        "an authority without key usage: X509-SVID 4.3 asks for keyCertSign in every signing certificate",
    ),
    "limbo::rfc5280::no-keyusage": (
        Refusal.BAD_KEY_USAGE,
        "a leaf without key usage: X509-SVID 4.3 asks for digitalSignature in every leaf",
    ),
    "limbo::rfc5280::eku::ee-without-eku": (
        Refusal.BAD_EXTENDED_KEY_USAGE,
        "a leaf without EKU may be meant for anything: ours must say that they are for TLS",
    ),
    "limbo::rfc5280::ca-as-leaf": (
        Refusal.CA_AS_LEAF,
        "an authority authenticates as a workload: X509-SVID 4.1 and 5 forbid it",
    ),
    "limbo::pathlen::validation-ignores-pathlen-in-leaf": (
        Refusal.CA_AS_LEAF,
        "an authority authenticates as a workload: X509-SVID 4.1 and 5 forbid it",
    ),
}

_KEY_IDS = "key identifiers only help to find issuers; the signature decides"
_CN = "the common name is never looked at: the identity is the URI SAN"
_RSA = "RSA keys of at least 2048 bits are strong whatever their length is divisible by"
_SUFFIX = "public suffixes are about DNS names, which are nobody's identity here"

# Rules of the public web that say nothing about an identity; each of these certificates is otherwise valid.
NOT_ABOUT_IDENTITY = {
    "limbo::rfc5280::aki::intermediate-missing-aki": _KEY_IDS,
    "limbo::rfc5280::aki::cross-signed-root-missing-aki": _KEY_IDS,
    "limbo::rfc5280::ski::root-missing-ski": _KEY_IDS,
    "limbo::rfc5280::ski::intermediate-missing-ski": _KEY_IDS,
    "limbo::webpki::aki::root-with-aki-all-fields": _KEY_IDS,
    "limbo::webpki::aki::root-with-aki-ski-mismatch": _KEY_IDS,
    "limbo::rfc5280::nc::permitted-dns-match-noncritical": (
        "contradicts limbo::webpki::nc::permitted-dns-match-noncritical, which must pass; it is applied"
    ),
    "limbo::webpki::cn::ipv4-hex-mismatch": _CN,
    "limbo::webpki::cn::ipv4-leading-zeros-mismatch": _CN,
    "limbo::webpki::cn::ipv6-uppercase-mismatch": _CN,
    "limbo::webpki::cn::ipv6-uncompressed-mismatch": _CN,
    "limbo::webpki::cn::ipv6-non-rfc5952-mismatch": _CN,
    "limbo::webpki::cn::punycode-not-in-san": _CN,
    "limbo::webpki::cn::utf8-vs-punycode-mismatch": _CN,
    "limbo::webpki::cn::not-in-san": _CN,
    "limbo::webpki::cn::case-mismatch": _CN,
    "limbo::webpki::san::public-suffix-multi-label-wildcard-san": _SUFFIX,
    "limbo::webpki::san::public-suffix-private-namespace-wildcard-san": _SUFFIX,
    "limbo::webpki::forbidden-rsa-not-divisible-by-8-in-root": _RSA,
    "limbo::webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf": _RSA,
}

_DNS = "OpenSSL reads DNS and mail constraints more loosely; identities are URIs"
_FLAG = "OpenSSL does not mind whether this extension is marked critical; it is applied all the same"

# What OpenSSL lets pass and the library does not. OpenSSL only sees chains with URI or directory name
# constraints, or self-issued intermediates.
LOOSER_WITH_OPENSSL = {
    "limbo::cve::cve-2025-61727": _DNS,
    "limbo::rfc5280::nc::invalid-dnsname-leading-period": _DNS,
    "limbo::rfc5280::nc::nc-permits-invalid-dns-san": _DNS,
    "limbo::rfc5280::nc::nc-permits-invalid-email-san": _DNS,
    "limbo::rfc5280::nc::nc-forbids-dnsname-wildcard-san": _DNS,
    "limbo::rfc5280::san::noncritical-with-empty-subject": _FLAG,
    "limbo::rfc5280::root-non-critical-basic-constraints": _FLAG,
    "limbo::webpki::san::san-critical-with-nonempty-subject": _FLAG,
    "limbo::webpki::aki::root-with-aki-missing-keyidentifier": _KEY_IDS,
}


def verdict(case: Case, build: Callable[..., Path] = find_path) -> str:
    """``accept``, or the code of our refusal: all that ``authenticate`` asks, except for SPIFFE ids."""
    purpose = Purpose(case.purpose)
    depth = 8 if case.max_depth is None else case.max_depth
    try:
        chain = [certificate(pem) for pem in (case.leaf, *case.intermediates)]
        anchors = [certificate(pem) for pem in case.anchors]
        crls = [load_crl(pem) for pem in case.crls]
        check_leaf(chain[0], purpose, max_lifetime=timedelta.max)
        path = build(chain, anchors, Question(purpose, case.at, depth))
        check_strength(path)
        check_uri_constraints(path)
        check_authorities(path)
        check_revocation(path, crls, now=case.at, policy=CrlPolicy())
    except InvalidValueError as error:
        return error.code
    except (VerificationError, crypto.Error, crypto.X509StoreContextError):
        return Refusal.BROKEN_PATH  # of one library, asked directly
    return "accept" if carries(chain[0], case.names) else "another_name"


@pytest.mark.parametrize("suite", ["limbo", "bettertls"])
def test_nothing_is_accepted_that_must_be_refused_and_nothing_refused_that_must_pass(suite: str) -> None:
    found = {case.id: (case.want, verdict(case)) for case in cases(suite)}

    wrongly_accepted = {id_ for id_, (want, got) in found.items() if want == "reject" and got == "accept"}
    wrongly_refused = {id_: got for id_, (want, got) in found.items() if want == "accept" and got != "accept"}
    assert wrongly_accepted == {id_ for id_ in NOT_ABOUT_IDENTITY if id_.startswith(suite)}
    assert wrongly_refused == {id_: code for id_, (code, _) in STRICTER.items() if id_.startswith(suite)}
    assert len(found) > 200


@pytest.mark.parametrize("suite", ["limbo", "bettertls"])
def test_openssl_is_looser_than_the_library_only_where_it_is_written_down(suite: str) -> None:
    looser = {
        case.id
        for case in cases(suite)
        if case.want == "reject"
        and verdict(case, openssl_path) == "accept"
        and verdict(case, library_path) != "accept"
    }

    assert looser == {id_ for id_ in LOOSER_WITH_OPENSSL if id_.startswith(suite)}


def test_self_issued_intermediates_and_directory_name_constraints_need_openssl() -> None:
    needed = {
        "limbo::pathlen::self-issued-certs-pathlen",
        "limbo::pathlen::max-chain-depth-1-self-issued",
        "limbo::rfc5280::nc::permitted-dn-match",
    }

    chosen = {case.id: case for case in cases("limbo") if case.id in needed}

    assert {id_ for id_, case in chosen.items() if verdict(case) == "accept"} == needed
    assert all(verdict(case, library_path) != "accept" for case in chosen.values())
