"""Trust over SDS. Anchors of different organisations never meet in one validation context.

Envoy ignores the removal of a secret, so trust is taken back by content: a CA that signs nothing.
"""

from envoy.config.core.v3 import base_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_spiffe_validator_config_pb2
from envoy.type.matcher.v3 import string_pb2

from control_plane.model.bundle import Bundle
from control_plane.model.federation import Partner
from control_plane.model.identity import TrustDomain
from control_plane.translate.names import TRUST_INGRESS, partner_trust
from control_plane.translate.parts import serialised
from control_plane.translate.tls import SIGNS_NOTHING
from control_plane.translate.wire import delimited

_SPIFFE = "envoy.tls.cert_validator.spiffe"
_SPIFFE_CONFIG = (
    "type.googleapis.com/" + tls_spiffe_validator_config_pb2.SPIFFECertValidatorConfig.DESCRIPTOR.full_name
)
_NOBODY = "spiffe://nobody.invalid/nobody"

TRUST_DOMAINS = 1  # SPIFFECertValidatorConfig.trust_domains; a test holds it against the descriptor


def partner_secret(partner: Partner) -> bytes:
    """Whom our egress believes at one partner: its anchors, and exactly the identities that we know."""
    context = common_pb2.CertificateValidationContext()
    bundle = partner.bundle
    if bundle is None or not bundle.anchors or not partner.identities:
        # Never an empty list of identities: Envoy takes that for "any".
        context.trusted_ca.inline_string = SIGNS_NOTHING
        context.match_typed_subject_alt_names.append(_exactly(_NOBODY))
    else:
        context.trusted_ca.inline_string = _joined(bundle.anchors)
        context.match_typed_subject_alt_names.extend(_exactly(identity) for identity in partner.identities)
        if bundle.crls:
            context.crl.inline_string = _joined(bundle.crls)
    secret = secret_pb2.Secret(name=partner_trust(partner.organisation), validation_context=context)
    return serialised(secret)


def _exactly(identity: str) -> common_pb2.SubjectAltNameMatcher:
    return common_pb2.SubjectAltNameMatcher(
        san_type=common_pb2.SubjectAltNameMatcher.URI, matcher=string_pb2.StringMatcher(exact=identity)
    )


def ingress_domain(partner: Partner) -> bytes:
    """This partner's part of ``trust-ingress``, or nothing when it is not trusted."""
    if partner.bundle is None or not partner.bundle.anchors:
        return b""
    return _domain(partner.organisation, _anchors_and_crls(partner.bundle))


def ingress_secret(own: TrustDomain, domains: list[bytes]) -> bytes:
    """Whom our ingress lets shake hands: a certificate is judged by its own trust domain's bundle only.

    Our own domain is there with an anchor that signs nothing: nobody of ours comes in through the
    partners' door, and Envoy refuses a list without any domain.
    """
    config = b"".join([_domain(own, SIGNS_NOTHING), *domains])
    secret = secret_pb2.Secret(name=TRUST_INGRESS)
    validator = secret.validation_context.custom_validator_config
    validator.name = _SPIFFE
    validator.typed_config.type_url = _SPIFFE_CONFIG
    validator.typed_config.value = config
    return serialised(secret)


def _domain(organisation: TrustDomain, pem: str) -> bytes:
    domain = tls_spiffe_validator_config_pb2.SPIFFECertValidatorConfig.TrustDomain(
        name=organisation, trust_bundle=base_pb2.DataSource(inline_string=pem)
    )
    return delimited(TRUST_DOMAINS, serialised(domain))


def _anchors_and_crls(bundle: Bundle) -> str:
    """The SPIFFE validator ignores the ``crl`` field without a word, but reads CRLs in the bundle."""
    return _joined(bundle.anchors + bundle.crls)


def _joined(pems: tuple[str, ...]) -> str:
    return "".join(pem if pem.endswith("\n") else pem + "\n" for pem in pems)
