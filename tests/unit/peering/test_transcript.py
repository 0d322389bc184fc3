"""Messages: whatever is changed in one, it is refused; what it was made for, it serves for nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from string import ascii_letters

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis.strategies import DataObject, data, integers

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.peering import jws, messages, proof, transcript
from control_plane.peering.authenticate import authenticate
from control_plane.peering.messages import Challenge, Heartbeat, Join
from control_plane.peering.refusal import RefusedError
from tests.unit.peering.world import (
    CHANNEL,
    LUEBECK,
    NOW,
    RIGA,
    SECRET,
    VISBY,
    Organisation,
    expected,
    join_of,
    new_key,
)  # fmt: skip

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
JOINER = Organisation.new(VISBY)
JOIN = JOINER.seal(join_of(JOINER, LUEBECK))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.code


def receive(text: bytes, *, sender: Organisation = JOINER, verifier: str = "") -> Join:
    """All that the inviter checks about a join without asking its database."""
    sealed = jws.read(text, Join.TYP)
    authenticate(sealed, sender.bundle, now=NOW)
    join = messages.read(Join, sealed.payload)
    transcript.check(join.envelope, expected(sender.name, LUEBECK), now=NOW)
    stored = verifier or proof.verifier(SECRET)
    proof.check(stored, join.proof_key, join.proof, transcript=transcript.proof_transcript(join))
    return join


def resealed(join: Join, *, by: Organisation = JOINER) -> bytes:
    return by.seal(join)


def test_an_untouched_message_is_taken() -> None:
    assert receive(JOIN) == join_of_text(JOIN)


def join_of_text(text: bytes) -> Join:
    return messages.read(Join, jws.read(text, Join.TYP).payload)


@settings(max_examples=300, deadline=None)
@given(integers(0, len(JOIN) - 1), integers(1, 255))
def test_a_message_with_any_byte_changed_is_refused(place: int, flip: int) -> None:
    changed = JOIN[:place] + bytes([JOIN[place] ^ flip]) + JOIN[place + 1 :]

    code_of(lambda: receive(changed))


@settings(max_examples=60, deadline=None)
@given(data())
def test_a_signed_message_whose_claims_were_changed_by_the_sender_has_no_proof(drawn: DataObject) -> None:
    """Somebody with a certificate of the right name, who saw a join, but never the token."""
    payload = messages.write(join_of_text(JOIN))
    place = drawn.draw(integers(0, len(payload) - 1))
    changed = payload[:place] + bytes([payload[place] ^ drawn.draw(integers(1, 127))]) + payload[place + 1 :]
    text = jws.seal(changed, Join.TYP, key=JOINER.key, chain=JOINER.chain)

    code_of(lambda: receive(text))


@pytest.mark.parametrize(
    "change",
    [
        {"invitation": "f" * 32}, {"token": "e" * 64}, {"challenge": "x" * 43}, {"nonce": "y" * 43},
        {"introduction": replace(JOINER.introduction, addresses=())},
        {"introduction": replace(JOINER.introduction, bundle="{}")},
    ],
)  # fmt: skip
def test_the_proof_covers_everything_that_the_joiner_says(change: dict[str, object]) -> None:
    join = replace(join_of_text(JOIN), **change)  # type: ignore[arg-type]  # each is a field of its type

    assert code_of(lambda: receive(resealed(join))) == "bad_proof"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": control_plane_id(LUEBECK), "sender": LUEBECK}, "reflected"),
        ({"sender": LUEBECK}, "reflected"),
        ({"iss": control_plane_id(RIGA)}, "wrong_identity"),
        ({"sender": RIGA}, "wrong_identity"),
        ({"iss": SpiffeId("spiffe://visby.example/gateway/1")}, "wrong_identity"),
        ({"aud": control_plane_id(RIGA)}, "crossed"),
        ({"receiver": RIGA}, "crossed"),
        ({"aud": SpiffeId("spiffe://luebeck.example/gateway/1")}, "crossed"),
        ({"purpose": "heartbeat"}, "wrong_purpose"),
        ({"channel": "cd" * 32}, "wrong_channel"),
        ({"channel": ""}, "wrong_channel"),
        ({"iat": 0, "exp": 60}, "message_expired"),
        ({"exp": int(NOW.timestamp()) - 601, "iat": int(NOW.timestamp()) - 661}, "message_expired"),
        ({"iat": int(NOW.timestamp()) + 601, "exp": int(NOW.timestamp()) + 661}, "message_from_the_future"),
        ({"exp": int(NOW.timestamp()) + 301}, "message_lives_too_long"),
        ({"exp": int(NOW.timestamp())}, "message_lives_too_long"),
        ({"exp": int(NOW.timestamp()) - 1}, "message_lives_too_long"),
        ({"iat": -(10**18), "exp": 10**18}, "message_lives_too_long"),
    ],
)  # fmt: skip
def test_claims_that_were_made_for_something_else_are_refused(change: dict[str, object], code: str) -> None:
    claims = replace(transcript.envelope(expected(VISBY, LUEBECK), NOW), **change)  # type: ignore[arg-type]  # fields

    assert code_of(lambda: transcript.check(claims, expected(VISBY, LUEBECK), now=NOW)) == code


@pytest.mark.parametrize("minutes", [-10, -5, 0, 5, 10])
def test_clocks_ten_minutes_apart_do_not_matter(minutes: int) -> None:
    claims = transcript.envelope(expected(VISBY, LUEBECK), NOW + timedelta(minutes=minutes, seconds=-1))

    transcript.check(claims, expected(VISBY, LUEBECK), now=NOW)


def test_a_message_of_one_step_is_no_message_of_another() -> None:
    challenge = Challenge(transcript.envelope(expected(VISBY, LUEBECK), NOW), "0" * 32, "n", "a")
    text = JOINER.seal(challenge)

    assert code_of(lambda: jws.read(text, Join.TYP)) == "wrong_type"
    assert code_of(lambda: receive(JOINER.seal(challenge, typ=Join.TYP))) == "malformed_message"
    assert code_of(lambda: jws.read(JOIN, Heartbeat.TYP)) == "wrong_type"


def test_a_certificate_of_another_organisation_is_refused(riga: Organisation) -> None:
    claims = join_of_text(JOIN)

    assert code_of(lambda: receive(resealed(claims, by=riga))) == "untrusted_chain"


def test_a_gateways_certificate_does_not_speak_for_its_organisation() -> None:
    key = new_key()
    gateway = replace(JOINER, key=key, chain=JOINER.leaf(SpiffeId("spiffe://visby.example/gateway/1"), key))

    assert code_of(lambda: receive(resealed(join_of_text(JOIN), by=gateway))) == "wrong_identity"


def test_a_message_signed_with_another_key_than_the_certificates_is_refused() -> None:
    thief = replace(JOINER, key=new_key())

    assert code_of(lambda: receive(resealed(join_of_text(JOIN), by=thief))) == "bad_signature"


def test_an_expired_certificate_is_refused() -> None:
    def late() -> None:
        sealed = jws.read(JOIN, Join.TYP)
        authenticate(sealed, JOINER.bundle, now=NOW + timedelta(days=2))

    assert code_of(late) == "untrusted_chain"


def test_another_tokens_secret_proves_nothing() -> None:
    assert code_of(lambda: receive(JOIN, verifier=proof.verifier(bytes(32)))) == "bad_proof"


@pytest.mark.parametrize(
    ("key", "signature"),
    [("", ""), ("A" * 200, ""), ("AA==", "AA=="), ("%%%%", "%%%%"), ("A" * 44, "A" * 96), ("ü", "ü")],
)
def test_a_proof_that_is_none_is_refused(key: str, signature: str) -> None:
    join = replace(join_of_text(JOIN), proof_key=key, proof=signature)

    assert code_of(lambda: receive(resealed(join))) == "bad_proof"


@pytest.mark.parametrize("field", ["proof_key", "proof"])
def test_another_text_of_the_same_proof_is_refused(field: str) -> None:
    join = join_of_text(JOIN)
    text = str(getattr(join, field))
    body, end = text.rstrip("="), "=" * text.count("=")
    others = {f"{text}\n", f"{text[:9]}!{text[9:]}", *(f"{body[:-1]}{last}{end}" for last in ascii_letters)}
    same = [other for other in others - {text} if urlsafe_b64decode(other) == urlsafe_b64decode(text)]

    assert len(same) >= 2
    for other in same:
        changed = resealed(replace(join, **{field: other}))  # type: ignore[arg-type]  # both are texts
        assert code_of(partial(receive, changed)) == "bad_proof"


def test_the_twin_of_a_signature_is_refused() -> None:
    head, _, signature = JOIN.rpartition(b".")
    raw = urlsafe_b64decode(signature + b"==")
    twin = raw[:32] + (ORDER - int.from_bytes(raw[32:])).to_bytes(32)

    text = head + b"." + urlsafe_b64encode(twin).rstrip(b"=")

    assert code_of(lambda: receive(text)) == "malformed_message"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ('{"alg":"none","typ":"T","x5c":X}', "wrong_algorithm"),
        ('{"alg":"HS256","typ":"T","x5c":X}', "wrong_algorithm"),
        ('{"alg":"ES384","typ":"T","x5c":X}', "wrong_algorithm"),
        ('{"alg":"es256","typ":"T","x5c":X}', "wrong_algorithm"),
        ('{"alg":["ES256"],"typ":"T","x5c":X}', "wrong_algorithm"),
        ('{"alg":"ES256","typ":"t","x5c":X}', "wrong_type"),
        ('{"alg":"ES256","typ":"T","x5c":X,"crit":["b64"],"b64":false}', "malformed_message"),
        ('{"alg":"ES256","typ":"T","x5c":X,"jwk":{}}', "malformed_message"),
        ('{"alg":"ES256","alg":"none","typ":"T","x5c":X}', "malformed_message"),
        ('{"alg":"ES256","typ":"T"}', "malformed_message"),
        ('{"alg":"ES256","typ":"T","x5c":[]}', "malformed_message"),
        ('{"alg":"ES256","typ":"T","x5c":"X"}', "malformed_message"),
        ('{"alg":"ES256","typ":"T","x5c":[1]}', "malformed_message"),
        ('{"alg":"ES256","typ":"T","x5c":["AAAA"]}', "malformed_message"),
        ('{"alg":"ES256","typ":"T","x5c":["%"]}', "malformed_message"),
        ("[]", "malformed_message"),
        ("", "malformed_message"),
        ('{"alg":', "malformed_message"),
    ],
)  # fmt: skip
def test_a_header_that_asks_for_anything_else_is_refused(header: str, code: str) -> None:
    original = urlsafe_b64decode(JOIN.split(b".")[0] + b"==").decode()
    chain = original[original.index("[") : original.index("]") + 1]
    text = header.replace('"T"', f'"{Join.TYP}"').replace(":X", f":{chain}")
    encoded = urlsafe_b64encode(text.encode()).rstrip(b"=")

    forged = b".".join([encoded, *JOIN.split(b".")[1:]])

    assert code_of(lambda: receive(forged)) == code


@pytest.mark.parametrize("text", [b"", b"a.b.c", b"{}", b".." + b"A" * 86, b"\xff" * 100, b"A" * 2_000_000])
def test_what_is_no_signed_message_is_refused(text: bytes) -> None:
    assert code_of(lambda: receive(text)) in {"malformed_message", "message_too_large"}


def test_a_key_on_another_curve_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    chain = JOINER.leaf(control_plane_id(VISBY), key)
    head, _, signature = JOIN.rpartition(b".")
    sealed = replace(jws.read(JOIN, Join.TYP), chain=chain)

    assert head
    assert signature
    assert code_of(lambda: jws.check_signature(sealed)) == "wrong_algorithm"


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"{}", b"NaN", b'{"envelope":1e999}',
        b"[" * 100_000, b'{"a":1,"a":2}', b"\xff\xfe",
        b'{"sequence":' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_claims_that_are_not_those_of_the_message_are_refused(payload: bytes) -> None:
    assert code_of(lambda: messages.read(Heartbeat, payload)) == "malformed_message"


def test_claims_are_read_as_they_were_written() -> None:
    join = join_of(JOINER, TrustDomain("luebeck.example"))

    assert messages.read(Join, messages.write(join)) == join
    assert join.envelope.channel == CHANNEL
