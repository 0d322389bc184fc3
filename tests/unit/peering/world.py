"""Organisations with keys and chains of their own, and the messages between two of them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from control_plane.model.bundle import Bundle
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.peering import PeeringAddress, control_plane_id
from control_plane.peering import jws, messages, proof, transcript
from control_plane.peering.messages import Introduction, Join, Typed
from control_plane.peering.token import Token
from control_plane.pki import sign, spiffe_bundle, template
from control_plane.pki.certificate import to_pem
from control_plane.trust.authority import ServerCredentials
from control_plane.trust.ca_files import key_pem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LUEBECK = TrustDomain("luebeck.example")
VISBY = TrustDomain("visby.example")
RIGA = TrustDomain("riga.example")
CHANNEL = "ab" * 32
SECRET = bytes(range(32))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Organisation:
    """A trust domain with a root, an intermediate, and the credentials of its control plane."""

    name: TrustDomain
    root: x509.Certificate
    issuing: x509.Certificate
    issuing_key: ec.EllipticCurvePrivateKey
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def new(cls, name: TrustDomain, *, now: datetime = NOW) -> "Organisation":
        root_key, issuing_key = new_key(), new_key()
        root = sign.self_signed(
            template.root(name, root_key.public_key(), serial=1 << 127, now=now, lifetime=300 * DAY), root_key
        )
        wanted = template.intermediate(
            name, issuing_key.public_key(), serial=3 << 126, now=now, lifetime=30 * DAY
        )
        issuing = sign.signed(wanted, root, root_key)
        made = cls(name, root, issuing, issuing_key, new_key(), ())
        return replace(made, chain=made.leaf(control_plane_id(name), made.key, now=now))

    def leaf(
        self, spiffe_id: SpiffeId, key: ec.EllipticCurvePrivateKey, *, now: datetime = NOW
    ) -> tuple[x509.Certificate, ...]:
        wanted = template.leaf(spiffe_id, key.public_key(), serial=7 << 125, now=now, lifetime=DAY)
        return sign.signed(wanted, self.issuing, self.issuing_key), self.issuing

    def credentials(self) -> ServerCredentials:
        roots = to_pem([self.root]).encode()
        return ServerCredentials(key_pem(self.key), to_pem(self.chain).encode(), roots)

    @property
    def bundle(self) -> Bundle:
        return Bundle(self.name, (to_pem([self.root]),), sequence=1)

    @property
    def introduction(self) -> Introduction:
        document = spiffe_bundle.encode(self.bundle, refresh_hint=300).decode()
        return Introduction(document, (PeeringAddress(f"peering.{self.name}", 8444),), ())

    def seal(self, message: Typed, *, typ: str = "") -> bytes:
        payload = messages.write(message)
        return jws.seal(payload, typ or message.TYP, key=self.key, chain=self.chain)


def token_of(organisation: Organisation, invited: TrustDomain = VISBY) -> Token:
    return Token(
        id="0123456789abcdef" * 2,
        secret=SECRET,
        inviter=organisation.name,
        invited=invited,
        addresses=(PeeringAddress("peering.luebeck.example", 8444), PeeringAddress("2001:db8::1", 443)),
        anchors=organisation.bundle.anchors,
        until=int((NOW + DAY).timestamp()),
    )


def expected(sender: TrustDomain, receiver: TrustDomain, *, purpose: str = "join") -> transcript.Expected:
    return transcript.Expected(sender, receiver, purpose, CHANNEL)


def join_of(joiner: Organisation, inviter: TrustDomain) -> Join:
    """A join with a good proof."""
    join = Join(
        envelope=transcript.envelope(expected(joiner.name, inviter), NOW),
        invitation="0123456789abcdef" * 2,
        token="d" * 64,
        challenge="c" * 43,
        nonce="n" * 43,
        introduction=joiner.introduction,
    )
    key, signature = proof.prove(SECRET, transcript.proof_transcript(join))
    return replace(join, proof_key=key, proof=signature)
