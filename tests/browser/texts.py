"""Texts that must stay texts, and every place of the API's own description where there can be one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

Document = dict[str, Any]

ATTACK = (
    "javascript:window.hacked=1//\"'><img src=x onerror=window.hacked=1>"
    "<script>window.hacked=1</script>{{7*7}}"
)
CONTROLS = "<b>\x1b[31m\r\n\x00\x07"
BIDI = "<b>\u202egnp.exe\u2066\u200f"
KINDS = (ATTACK, CONTROLS, BIDI)


# A good value for each name, where one must be given; all texts of that name elsewhere are hostile in turn.
def samples(path: str, name: str) -> Document:
    """By name; what an operation makes is called ``name``."""
    return {
        "node_id": name,
        "organisation": "hanse.example",
        "spiffe_id": f"spiffe://hanse.example/gateway/{name}",
        "endpoints": [{"host": "127.0.0.7", "port": 8443}],
        "host": "127.0.0.7",
        "port": 8443,
        "name": name,
        "id": name,
        "resource": "orders@luebeck.example"
        if path.endswith(("/invoke", "/authorize", "/explain"))
        else "ledger",
        "subject": "hanse.example",
        "members": ["hanse.example"],
        "principal": "spiffe://hanse.example/gateway/spare",
        "profile": "https_spiffe",
        "urls": ["https://127.0.0.1:9/bundle"],
        "approval": "ticket",
        "token": "none",
        "chain": "none",
        "gateway": "novgorod-1",
        "clusters": [],
        "hosts": [],
        "address": "127.0.0.7:8443",
        "revision": 1,
    }


def hostile(kind: str = ATTACK) -> tuple[str, str]:
    """A text with a mark of its own, and the mark."""
    mark = f"m{uuid4().hex[:12]}"
    return kind.replace("//", f"//{mark}") if kind is ATTACK else f"{mark}{kind}", mark


@dataclass(frozen=True)
class Case:
    """An operation whose body has one hostile text, at ``place``."""

    method: str
    path: str
    media: str
    place: str
    body: Document
    text: str
    mark: str


def cases(description: Document) -> Iterator[Case]:
    """Every text of the body of every operation, with each kind of text."""
    models = description["components"]["schemas"]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            contents = operation.get("requestBody", {"content": {}})["content"]
            for media in contents:
                # A line of JSON is a document of the same operation.
                schema = contents["application/json"]["schema"]
                for place in texts(schema, models):
                    for kind in KINDS:
                        text, mark = hostile(kind)
                        body = Filler(models, samples(path, f"o-{uuid4().hex[:8]}")).filled(
                            schema, place, text
                        )
                        yield Case(method.upper(), path, media, ".".join(place), body, text, mark)


def resolved(schema: Document, models: Document) -> Document:
    """Without references, and of several forms the first that says something."""
    while "$ref" in schema:
        schema = models[schema["$ref"].rpartition("/")[2]]
    for form in schema.get("anyOf", ()):
        if form.get("type") != "null":
            return resolved(form, models)
    return schema


def texts(schema: Document, models: Document, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of texts that are no words of ours and no times; ``[]`` in a list, ``{}`` in a map."""
    schema = resolved(schema, models)
    match schema.get("type"):
        case "string" if "enum" not in schema and schema.get("format") != "date-time":
            yield place
        case "object":
            for name, one in schema.get("properties", {}).items():
                yield from texts(one, models, (*place, name))
            if isinstance(schema.get("additionalProperties"), dict):
                yield (*place, "{key}")
                yield from texts(schema["additionalProperties"], models, (*place, "{}"))
        case "array":
            yield from texts(schema["items"], models, (*place, "[]"))


@dataclass(frozen=True)
class Filler:
    """Makes documents that are good but for one text."""

    models: Document
    samples: Document

    def filled(self, schema: Document, place: tuple[str, ...], text: str) -> Any:  # noqa: ANN401 - any JSON
        """The document with ``text`` at ``place``."""
        schema = resolved(schema, self.models)
        if not place:
            return text
        name, rest = place[0], place[1:]
        if name == "{key}":
            return {text: "value"}
        if name == "{}":
            return {"key": self.filled(schema["additionalProperties"], rest, text)}
        if name == "[]":
            return [self.filled(schema["items"], rest, text)]
        made = {one: self.samples[one] for one in schema.get("required", ())}
        return made | {name: self.filled(schema["properties"][name], rest, text)}
