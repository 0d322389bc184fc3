"""TLS on both sides: our certificate from the agent's file, partners' anchors from the control plane."""

from envoy.config.core.v3 import base_pb2, config_source_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, secret_pb2, tls_pb2

from control_plane.model.identity import TrustDomain
from control_plane.model.tuning import Tuning
from control_plane.translate.names import OWN_CERTIFICATE, TRUST_INGRESS, partner_trust
from control_plane.translate.parts import WAIT, ads, packed

# A CA whose key was thrown away when it was made: it signed nothing and never will. Trusting it, and only
# it, refuses everybody, whereas a validation context without anchors would accept everybody.
SIGNS_NOTHING = """\
-----BEGIN CERTIFICATE-----
MIIBRzCB7aADAgECAgEBMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMMDXNpZ25zIG5v
dGhpbmcwIBcNMjAwMTAxMDAwMDAwWhgPOTk5OTEyMzEyMzU5NTlaMBgxFjAUBgNV
BAMMDXNpZ25zIG5vdGhpbmcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT7vnRI
wFTft9exnQztAkMWkJNIMF81+MYErNQHidXzbmR5/PIrCzcN0Jd5i7CCudxxzvgq
PTDvlweggUYjJ3OToyYwJDASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQE
AwICBDAKBggqhkjOPQQDAgNJADBGAiEA04CmIGMkH6SEStum2HP/+oII/PlcAbNv
BhwGlByggV4CIQD1vscDCIY1Axc6Cnp8L+ARvI5+8PV29ePmJdiYzhrXNw==
-----END CERTIFICATE-----
"""

_SOCKET = "envoy.transport_sockets.tls"


# Of RSA only the longest: no key of 1024 bits can make it (RFC 8017, 9.1.1: it takes 1033), and Envoy has no
# other way to ask for longer keys. Every library of TLS 1.3 has all three.
_SIGNATURES = ("ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "rsa_pss_rsae_sha512")


def _parameters() -> common_pb2.TlsParameters:
    """TLS 1.3 and nothing else; left out, Envoy's upstream side settles for 1.2."""
    return common_pb2.TlsParameters(
        tls_minimum_protocol_version=common_pb2.TlsParameters.TLSv1_3,
        tls_maximum_protocol_version=common_pb2.TlsParameters.TLSv1_3,
        signature_algorithms=_SIGNATURES,
    )


def _own_certificate(tuning: Tuning) -> secret_pb2.SdsSecretConfig:
    """The key never leaves the gateway: its agent writes this file, and Envoy watches the directory."""
    directory = tuning.own_certificate.rpartition("/")[0]
    return secret_pb2.SdsSecretConfig(
        name=OWN_CERTIFICATE,
        sds_config=config_source_pb2.ConfigSource(
            path_config_source=config_source_pb2.PathConfigSource(
                path=tuning.own_certificate,
                watched_directory=base_pb2.WatchedDirectory(path=directory),
            ),
            resource_api_version=config_source_pb2.ApiVersion.V3,
        ),
    )


def partner_socket(organisation: TrustDomain, tuning: Tuning) -> base_pb2.TransportSocket:
    """To a partner's nodes: they are held to that partner's anchors and to the identities we know."""
    context = tls_pb2.UpstreamTlsContext(
        sni=organisation,
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=_parameters(),
            alpn_protocols=["h2"],
            tls_certificate_sds_secret_configs=[_own_certificate(tuning)],
            # The whole validation context comes with the secret, identities included, so that it changes
            # as one.
            validation_context_sds_secret_config=secret_pb2.SdsSecretConfig(
                name=partner_trust(organisation), sds_config=ads(tuning.fetch_timeout)
            ),
        ),
    )
    # A session that was begun under old anchors is not resumed.
    context.max_session_keys.value = 0
    return base_pb2.TransportSocket(name=_SOCKET, typed_config=packed(context))


def denying_socket() -> base_pb2.TransportSocket:
    """For endpoints that belong to nobody; without it Envoy would dial them in plaintext."""
    context = tls_pb2.UpstreamTlsContext(
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=_parameters(),
            validation_context=common_pb2.CertificateValidationContext(
                trusted_ca=base_pb2.DataSource(inline_string=SIGNS_NOTHING)
            ),
        )
    )
    return base_pb2.TransportSocket(name=_SOCKET, typed_config=packed(context))


def ingress_socket(tuning: Tuning) -> base_pb2.TransportSocket:
    """From partners: a client certificate is a must, and judged by the bundle of its own trust domain."""
    context = tls_pb2.DownstreamTlsContext(
        common_tls_context=tls_pb2.CommonTlsContext(
            tls_params=_parameters(),
            alpn_protocols=["h2", "http/1.1"],
            tls_certificate_sds_secret_configs=[_own_certificate(tuning)],
            validation_context_sds_secret_config=secret_pb2.SdsSecretConfig(
                name=TRUST_INGRESS, sds_config=ads(WAIT)
            ),
        ),
        # No resumption: trust is looked at in every handshake, and gateways hold their connections for
        # minutes.
        disable_stateless_session_resumption=True,
        disable_stateful_session_resumption=True,
    )
    context.require_client_certificate.value = True
    return base_pb2.TransportSocket(name=_SOCKET, typed_config=packed(context))
