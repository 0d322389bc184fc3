"""What an operator may write into the file of nodes, and what is said of what they may not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.declared import MAX_FILE, BadFileError, read
from control_plane.discovery.manual import parse
from control_plane.model.sighting import Candidate, RawEndpoint

YAML = """\
nodes:
  - node_id: gw-1
    organisation: luebeck.example
    endpoints: ["192.0.2.7:8443", {host: 2001:db8::7, port: 8443, priority: 1, weight: 5}]
    region: no
    version: "1.4"
    resources: [orders, stock]
    metadata: {rack: r7}
"""
TOML = """\
[[nodes]]
node_id = "gw-1"
organisation = "luebeck.example"
endpoints = ["192.0.2.7:8443", {host = "2001:db8::7", port = 8443, priority = 1, weight = 5}]
region = "no"
version = "1.4"
resources = ["orders", "stock"]
metadata = {rack = "r7"}
"""
NODE = Candidate(
    subject="gw-1",
    node_id="gw-1",
    organisation="luebeck.example",
    spiffe_id="spiffe://luebeck.example/gateway/gw-1",
    endpoints=(RawEndpoint("192.0.2.7", 8443), RawEndpoint("2001:db8::7", 8443, 1, 5)),
    region="no",
    version="1.4",
    resources=("orders", "stock"),
    metadata=(("rack", "r7"),),
)


@pytest.mark.parametrize(("text", "name"), [(YAML, "nodes.yaml"), (TOML, "nodes.toml")])
def test_both_forms_say_the_same(text: str, name: str) -> None:
    assert parse(text.encode(), name).candidates == (NODE,)


def test_the_documents_example_is_one() -> None:
    document = (Path(__file__).parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
    example = document.partition("```yaml file=nodes.yaml\n")[2].partition("```")[0]

    (node,) = parse(example.encode(), "nodes.yaml").candidates

    assert node.endpoints == (RawEndpoint("192.0.2.7", 8443), RawEndpoint("2001:db8::7", 8443))
    assert node.metadata == (("rack", "r7"),)


def test_no_nodes_have_to_be_said() -> None:
    assert parse(b"nodes: []", "nodes.yaml").candidates == ()
    with pytest.raises(BadFileError, match="got nothing"):
        parse(b"# to do\n", "nodes.yaml")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("gw-1", "gw/1", "line 2: nodes[0]: expected letters"),
        ("gw-1", "[a]", "line 2: nodes[0]: expected text as node_id, got ['a']"),
        ("luebeck.example", "Luebeck", "line 2: nodes[0]: expected a trust domain"),
        ("192.0.2.7:8443", "luebeck.example:8443", "expected an IP address"),
        ("192.0.2.7:8443", "192.0.2.7", "expected host:port, got '192.0.2.7'"),
        ("192.0.2.7:8443", "192.0.2.7:0", "expected a port from 1"),
        ("port: 8443", "port: true", "expected host:port"),
        ("port: 8443", "gate: 8443", "expected host:port"),
        ("region: no", "regoin: no", "expected no 'regoin'"),
        ("region: no", "region: 7", "expected text as region, got 7"),
        ("[orders, stock]", "orders", "expected a list as resources, got str"),
        ("[orders, stock]", "[Orders]", "expected a DNS label"),
        ("{rack: r7}", "{rack: 7}", "expected text by name"),
        ("{rack: r7}", "[rack]", "expected text by name"),
        ("  - node_id", "  node_id", "line 3: mapping values are not allowed"),
        ("nodes:", "node:", "expected nodes, resources, grants, got 'node'"),
        ("nodes:", "grants: []\nnodes:", "use `proxenia apply`"),
        ("organisation: luebeck.example", "spiffe_id: spiffe://visby.example/a", "trust domain"),
    ],
)
def test_a_fault_is_told_with_its_place(old: str, new: str, why: str) -> None:
    with pytest.raises(BadFileError) as told:
        parse(YAML.replace(old, new, 1).encode(), "nodes.yaml")

    assert why in str(told.value)


def test_a_node_that_is_listed_twice_is_a_fault() -> None:
    again = YAML + YAML.partition("\n")[2]

    with pytest.raises(BadFileError, match=r"line 9: nodes\[1\]: .* gw-1@luebeck.example twice"):
        parse(again.encode(), "nodes.yaml")


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"nodes = 7 7", "a.toml", "expected TOML"),
        (b"[[nodes]]\nnode_id = 2026-01-31", "a.toml", "got a date: put it in quotes"),
        (b"nodes = [1]", "a.toml", "nodes[0]: expected a mapping, got int"),
        (b"nodes = 1", "a.toml", "expected a list of nodes, got int"),
        (b"- a", "a.yaml", "got list"),
        (b"nodes:\n- \xff", "a.yaml", "line 2: expected UTF-8"),
        (b"#" * (MAX_FILE + 1), "a.yaml", "split the file"),
        (b"a = " + b"[" * 100_000, "a.toml", "expected TOML"),
    ],
)
def test_what_is_no_such_document_is_told(data: bytes, name: str, why: str) -> None:
    with pytest.raises(BadFileError) as told:
        read(data, name)

    assert why in str(told.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99999) | st.sampled_from(["gw-1", "192.0.2.1:1", "a.example"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["node_id", "organisation", "endpoints", "host", "port"]), inner)
    ),
)


@given(ANYTHING, st.sampled_from(["yaml", "toml"]))
def test_whatever_is_listed_is_taken_or_told(entries: object, form: str) -> None:
    text = f"nodes: {entries!r}".replace("None", "null").replace("True", "true").replace("False", "false")
    try:
        report = parse((text if form == "yaml" else text.replace(":", " =", 1)).encode(), f"nodes.{form}")
    except BadFileError as error:
        report = None
        why = str(error)
    assert why if report is None else report.refused == ()
