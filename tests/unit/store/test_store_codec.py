import pytest

from control_plane.model.change import Kind
from control_plane.model.problem import InvalidValueError
from control_plane.store import codec
from tests.fakes.values import node, one_of_each


@pytest.mark.parametrize("kind", list(Kind))
def test_a_value_is_the_same_after_encoding_and_decoding(kind: Kind) -> None:
    value = one_of_each()[kind]

    body = codec.encode(kind, value.key, value)

    assert codec.decode(kind, value.key, body) == value


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"organisation": "luebeck.example", "unknown": 1}',
        '{"organisation": "luebeck.example", "paused": "yes"}',
        '{"organisation": "Not A Domain"}',
        "[]",
    ],
)
def test_a_body_that_breaks_a_rule_is_not_read(body: str) -> None:
    with pytest.raises(
        InvalidValueError, match=r"the stored agreement luebeck\.example does not fit"
    ) as caught:
        codec.decode(Kind.AGREEMENT, "luebeck.example", body)

    assert caught.value.code == "unreadable_object"


def test_a_value_is_only_stored_under_its_own_kind_and_key() -> None:
    with pytest.raises(InvalidValueError, match="expected a grant for x, got a Node"):
        codec.encode(Kind.GRANT, "x", node())
    with pytest.raises(InvalidValueError, match=r"expected the key lb-1@luebeck\.example, got x"):
        codec.encode(Kind.NODE, "x", node())


def test_a_gateway_belongs_to_the_organisation_of_its_identity() -> None:
    found = {kind: codec.organisation_of(value) for kind, value in one_of_each().items()}

    assert found.pop(Kind.GATEWAY) == "home.example"
    assert set(found.values()) == {"luebeck.example"}
