"""An independent decoder reads all that is published, to the last field of the innermost message."""

import dataclasses
import importlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.golden.test_golden import MESSAGES
from tests.golden.world import WORLDS, published

_PREFIX = "type.googleapis.com/"
_UNKNOWN_TO_IT = "xds.type.v3.TypedStruct"  # holds a JSON value: there are no fields that it could miss


def message_type(type_url: str) -> Any:  # noqa: ANN401 - a class of the other library, chosen by name
    """The independent decoder's class for ``type_url``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its generated modules use what pydantic deprecates
        from envoy_data_plane.message_pool import default_message_pool  # noqa: PLC0415 - warns on import

        importlib.import_module(f"envoy_data_plane.{type_url.removeprefix(_PREFIX).rpartition('.')[0]}")
    return default_message_pool.url_to_type[type_url]


def within(message: Any) -> Iterator[Any]:  # noqa: ANN401 - a message of the other library
    """``message`` and all messages in it, packed ones included."""
    yield message
    if getattr(message, "type_url", "").endswith(_UNKNOWN_TO_IT):
        return
    if hasattr(message, "type_url") and message.type_url and isinstance(message.value, bytes):
        yield from within(message_type(message.type_url).parse(message.value))
    for field in dataclasses.fields(message):
        value = getattr(message, field.name)
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        for part in parts:
            if dataclasses.is_dataclass(part):
                yield from within(part)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_an_independent_decoder_knows_every_field(name: str) -> None:
    seen = 0

    for file, resource in published(WORLDS[name]()).items():
        decoded = message_type(resource.type_url).parse(resource.body)
        for message in within(decoded):
            seen += 1
            assert not message._unknown_fields, f"{file}: {type(message).__name__}"  # noqa: SLF001 - no other way

    assert seen > 100


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_an_independent_decoder_understands_the_same(name: str) -> None:
    for file, resource in published(WORLDS[name]()).items():
        ours = MESSAGES[resource.type_url]

        again = bytes(message_type(resource.type_url).parse(resource.body))

        assert ours.FromString(again) == ours.FromString(resource.body), file
