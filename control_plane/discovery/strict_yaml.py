"""YAML that means one thing: no aliases, no key twice, no tags, and scalars as in YAML 1.2's JSON schema.

Without aliases a small file cannot unfold into a large one. ``no``, ``1:30`` and ``2026-01-31`` are text, as
they are to whoever writes them, and not what YAML 1.1 makes of them.
"""

import re
from typing import Any

import yaml

MAX_DEPTH = 32
_SHOWN = 60
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(ValueError):
    """The text is not such a document; the message begins with the line, when there is one."""


class Mapping(dict[str, Any]):
    """A mapping that knows on which line it begins."""

    line = 0


class _Loader(_Fast):  # type: ignore[misc]  # the fast one, where it is installed
    """Builds nothing but text, numbers, truth values, null, lists and mappings."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - yaml's own name
    yaml_constructors: dict[Any, Any] = {}  # noqa: RUF012 - yaml's own name


def _fail(at: Any, message: str) -> YamlError:  # noqa: ANN401 - a node or an event: both have a mark
    return YamlError(f"line {at.start_mark.line + 1}: {message}")


def _mapping(loader: Any, node: yaml.Node) -> Mapping:  # noqa: ANN401 - one of two classes
    if not isinstance(node, yaml.MappingNode):
        raise _fail(node, "expected a mapping")
    found = Mapping()
    found.line = node.start_mark.line + 1
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise _fail(key_node, "expected text as a key")
        if key in found:
            raise _fail(key_node, f"expected each key once, got {ascii(key)[:_SHOWN]} twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _list(loader: Any, node: Any) -> list[object]:  # noqa: ANN401 - one of two classes
    return [loader.construct_object(item, deep=True) for item in node.value]


def _integer(_loader: Any, node: Any) -> int:  # noqa: ANN401 - one of two classes
    if len(node.value) > 20:  # noqa: PLR2004 - digits; a longer number means nothing here
        raise _fail(node, "expected a number of at most 20 digits")
    return int(node.value)


def _unknown(_loader: Any, node: yaml.Node) -> None:  # noqa: ANN401 - one of two classes
    raise _fail(node, f"expected no tag, got {ascii(node.tag)[:_SHOWN]}")


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _list)
_Loader.add_constructor("tag:yaml.org,2002:str", lambda _loader, node: str(node.value))
_Loader.add_constructor("tag:yaml.org,2002:null", lambda _loader, _node: None)
_Loader.add_constructor("tag:yaml.org,2002:bool", lambda _loader, node: node.value == "true")
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: float(node.value))
_Loader.add_constructor(None, _unknown)
for _tag, _form, _first in (
    ("null", r"null|~|", [*"n~", ""]),
    ("bool", r"true|false", [*"tf"]),
    ("int", r"-?(?:0|[1-9][0-9]*)", [*"-0123456789"]),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]{1,20}", [*"-0123456789"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z"), _first)


def read(text: str) -> object:
    """The one document in ``text``. Raises YamlError."""
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it builds nothing but plain values
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(f"line {mark.line + 1 if mark else 1}: {error.problem or 'not YAML'}") from error
    except yaml.YAMLError as error:
        raise YamlError(f"expected YAML: {ascii(str(error).splitlines()[0])[1:-1]}") from error
    except RecursionError as error:
        raise YamlError(f"expected at most {MAX_DEPTH} levels, got far more") from error


def _check_events(text: str) -> None:
    """Before anything is built: no aliases, not too deep."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _fail(event, f"expected no alias, got *{ascii(event.anchor)[1:-1][:_SHOWN]}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _fail(event, f"expected at most {MAX_DEPTH} levels, got more")
