"""The public certificate suites beside the repository: a case is a chain, a question and the right answer."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from control_plane.pki.certificate import extension, load_certificate

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Case:
    """``want`` is ``accept`` or ``reject``; ``names`` are (kind, value) pairs that the leaf must carry."""

    id: str
    want: str
    leaf: str
    intermediates: tuple[str, ...]
    anchors: tuple[str, ...]
    crls: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    purpose: str
    at: datetime
    max_depth: int | None
    features: frozenset[str]


def cases(suite: str) -> list[Case]:
    """Every case of ``limbo`` or ``bettertls``; the calling test is skipped where the data is absent."""
    file = DATA / f"{suite}.json.gz"
    if not file.exists():
        pytest.skip(f"{file.name} is not there: the public suites lie beside the repository, in shared/data")
    with gzip.open(file) as content:
        return [_case(raw) for raw in json.load(content)]


@cache
def certificate(pem: str) -> x509.Certificate:
    """Read a certificate once: the suites repeat them thousands of times."""
    return load_certificate(pem)


def carries(leaf: x509.Certificate, names: tuple[tuple[str, str], ...]) -> bool:
    """Whether the leaf carries every expected name: those of the web, which our own code never matches."""
    found = extension(leaf, x509.SubjectAlternativeName)
    return found is not None and all(_matches(found, kind, value) for kind, value in names)


def _case(raw: dict[str, Any]) -> Case:
    return Case(
        id=raw["id"],
        want=raw["want"],
        leaf=raw["leaf"],
        intermediates=tuple(raw["intermediates"]),
        anchors=tuple(raw["anchors"]),
        crls=tuple(raw["crls"]),
        names=tuple((name["kind"], name["value"]) for name in raw["expected"]),
        purpose=raw["purpose"],
        at=datetime.fromisoformat(raw["time"]) if raw["time"] else datetime.now(UTC),
        max_depth=raw["max_depth"],
        features=frozenset(raw["features"]),
    )


def _matches(names: x509.SubjectAlternativeName, kind: str, value: str) -> bool:
    if kind == "ip":
        return ip_address(value) in names.get_values_for_type(x509.IPAddress)
    if kind == "dns":
        return any(
            _host_matches(pattern, value.lower()) for pattern in names.get_values_for_type(x509.DNSName)
        )
    assert kind == "rfc822"
    return value in names.get_values_for_type(x509.RFC822Name)


def _host_matches(pattern: str, host: str) -> bool:
    """RFC 9525, 6.3: a wildcard stands for one whole leftmost label, never right below a top level."""
    if "_" in host:
        return False
    wildcard, dot, parent = pattern.lower().partition(".")
    if wildcard == "*":
        return bool(dot) and "." in parent and host.partition(".")[2] == parent
    return pattern.lower() == host
